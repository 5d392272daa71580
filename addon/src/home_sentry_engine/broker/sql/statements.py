"""The SQL of the queue, built once."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import bindparam, func
from sqlalchemy.dialects import postgresql, sqlite

from .prepared import Prepared
from .tables import dead_letters, jobs, queue_turns

LOOK_AHEAD: Final = 256
"""Jobs from the front of a queue that a claim looks at before it asks each key for its first job."""

_queue: Final = bindparam("in_queue", type_=sa.Text)
_now: Final = bindparam("now_us", type_=sa.BigInteger)


def _due(table: Any) -> sa.ColumnElement[bool]:
    # "+ 0" keeps the planner from sorting all due jobs instead of walking them in their order
    return sa.and_(table.c.leased_until_us.is_(None), table.c.not_before_us + sa.literal_column("0") <= _now)


def _place(table: Any) -> tuple[sa.ColumnElement[Any], ...]:
    return table.c.priority.desc(), table.c.turn, table.c.id


def _running(key: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    other = jobs.alias("running")
    return sa.exists().where(other.c.queue == _queue, other.c.key == key, other.c.leased_until_us.is_not(None))


def _head(key: sa.ColumnElement[str]) -> sa.ScalarSelect[int]:
    """Give the id of a key's first job that has taken its place."""
    other = jobs.alias("head")
    placed = sa.or_(other.c.fence > 0, other.c.not_before_us <= _now)
    chosen = sa.select(other.c.id).where(other.c.queue == _queue, other.c.key == key, placed)
    return chosen.order_by(*_place(other)).limit(1).scalar_subquery()


def _front() -> sa.Select[Any]:
    front = (
        sa.select(jobs.c.id, jobs.c.key, jobs.c.priority, jobs.c.turn)
        .where(jobs.c.queue == _queue, _due(jobs))
        .order_by(*_place(jobs))
        .limit(LOOK_AHEAD)
        .subquery("front")
    )
    first = sa.and_(front.c.id == _head(front.c.key), ~_running(front.c.key))
    free = sa.select(front.c.id).where(sa.or_(front.c.key.is_(None), first))
    return free.order_by(*_place(front)).limit(bindparam("n", type_=sa.Integer))


def _every_key() -> sa.Select[Any]:
    """Give the first job of every key that may run; hops from key to key through the index."""
    smallest = sa.select(func.min(jobs.c.key).label("key")).where(jobs.c.queue == _queue)
    keys = smallest.cte("keys", recursive=True)
    following = jobs.alias("following")
    hop = sa.select(func.min(following.c.key)).where(following.c.queue == _queue, following.c.key > keys.c.key)
    keys = keys.union_all(sa.select(hop.scalar_subquery()).where(keys.c.key.is_not(None)))
    heads = (
        sa.select(_head(keys.c.key).label("id")).where(keys.c.key.is_not(None), ~_running(keys.c.key)).subquery("heads")
    )
    placed = (jobs.c.id, jobs.c.priority, jobs.c.turn)
    keyed = sa.select(*placed).join(heads, heads.c.id == jobs.c.id).where(_due(jobs))
    single = (
        sa.select(*placed)
        .where(jobs.c.queue == _queue, jobs.c.key.is_(None), _due(jobs))
        .order_by(*_place(jobs))
        .limit(bindparam("n", type_=sa.Integer))
        .subquery("single")
    )
    both = sa.union_all(keyed, sa.select(single)).subquery("free")
    ordered = sa.select(both.c.id).order_by(*_place(both))
    return ordered.limit(bindparam("n", type_=sa.Integer))


def _next_due() -> sa.Select[Any]:
    lease = sa.select(func.min(jobs.c.leased_until_us)).where(jobs.c.queue == _queue, jobs.c.leased_until_us > _now)
    later = sa.select(func.min(jobs.c.not_before_us)).where(jobs.c.queue == _queue, jobs.c.not_before_us > _now)
    return sa.select(lease.scalar_subquery().label("lease"), later.scalar_subquery().label("later"))


def _leasing(chosen: sa.Select[Any]) -> Any:
    fields = ("id", "queue", "payload", "key", "priority", "turn", "attempts", "fence", "enqueued_us")
    return (
        sa.update(jobs)
        .where(jobs.c.id.in_(chosen))
        .values(
            leased_until_us=bindparam("until_us", type_=sa.BigInteger),
            owner=bindparam("in_owner", type_=sa.Text),
            updated_us=_now,
            attempts=jobs.c.attempts + 1,
            fence=jobs.c.fence + 1,
        )
        .returning(*(jobs.c[name] for name in fields))
    )


def _turn(dialect: str, *, keyed: bool) -> sa.ColumnElement[int]:
    """Give the turn of a new job: behind its line, and not far before what was claimed."""
    in_queue, in_priority = bindparam("queue", type_=sa.Text), bindparam("priority", type_=sa.Integer)
    served = sa.select(queue_turns.c.turn).where(queue_turns.c.queue == in_queue, queue_turns.c.priority == in_priority)
    key = jobs.c.key == bindparam("key", type_=sa.Text) if keyed else jobs.c.key.is_(None)
    last = sa.select(func.max(jobs.c.turn)).where(jobs.c.queue == in_queue, key, jobs.c.priority == in_priority)
    larger = func.greatest if dialect == "postgresql" else func.max
    after_last = func.coalesce(last.scalar_subquery() + sa.literal_column("1"), sa.literal_column("0"))
    return larger(func.coalesce(served.scalar_subquery(), sa.literal_column("0")), after_last)


def _put(dialect: str, turn: sa.ColumnElement[int]) -> Any:
    insert = _insert(dialect, jobs)
    names = ("queue", "key", "uniq", "priority", "payload", "enqueued_us", "not_before_us", "updated_us")
    given = {name: bindparam(name, type_=jobs.c[name].type) for name in names}
    zero: sa.ColumnElement[int] = sa.literal_column("0", sa.Integer)
    put = insert.values(attempts=zero, fence=zero, turn=turn, **given).on_conflict_do_nothing()
    # SQLite's driver knows the id of the row; RETURNING would cost it a third of the insert
    return put if dialect == "sqlite" else put.returning(jobs.c.id)


def _insert(dialect: str, table: sa.Table) -> Any:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def _serve(dialect: str) -> Any:
    types = {column.name: column.type for column in queue_turns.c}
    insert = _insert(dialect, queue_turns).values({name: bindparam(name, type_=kind) for name, kind in types.items()})
    newer = insert.excluded.turn > queue_turns.c.turn
    keys = [queue_turns.c.queue, queue_turns.c.priority]
    return insert.on_conflict_do_update(index_elements=keys, set_={"turn": insert.excluded.turn}, where=newer)


PUT: Final = Prepared(lambda dialect: _put(dialect, _turn(dialect, keyed=True)))
PUT_WITHOUT_KEY: Final = Prepared(lambda dialect: _put(dialect, _turn(dialect, keyed=False)))
PUT_ON_RECORD: Final = Prepared(lambda dialect: _put(dialect, sa.literal_column("0", sa.BigInteger)))
SERVE: Final = Prepared(_serve)
FREE_EXPIRED: Final = Prepared(
    lambda _: (
        sa.update(jobs).where(jobs.c.queue == _queue, jobs.c.leased_until_us <= _now).values(leased_until_us=sa.null())
    )
)
CLAIM_FRONT: Final = Prepared(lambda _: _leasing(_front()))
CLAIM_EVERY_KEY: Final = Prepared(lambda _: _leasing(_every_key()))
NEXT_DUE: Final = Prepared(lambda _: _next_due())
COUNT: Final = sa.select(func.count()).select_from(jobs).where(jobs.c.queue == _queue)
TWIN: Final = sa.select(jobs.c.id).where(jobs.c.queue == _queue, jobs.c.uniq == bindparam("in_uniq", type_=sa.Text))

_held: Final = sa.and_(
    jobs.c.id == bindparam("job_id", type_=sa.BigInteger),
    jobs.c.fence == bindparam("in_fence", type_=sa.Integer),
    jobs.c.leased_until_us.is_not(None),
)
HELD: Final = sa.select(jobs).where(_held)
TRIES: Final = sa.select(jobs.c.tries).where(_held)
FINISH: Final = Prepared(lambda _: sa.delete(jobs).where(_held))
EXTEND: Final = (
    sa.update(jobs).where(_held).values(leased_until_us=bindparam("until_us", type_=sa.BigInteger), updated_us=_now)
)
POSTPONE: Final = (
    sa.update(jobs)
    .where(_held)
    .values(
        leased_until_us=None,
        owner=None,
        not_before_us=bindparam("until_us", type_=sa.BigInteger),
        updated_us=_now,
        attempts=jobs.c.attempts - bindparam("uncounted", type_=sa.Integer),
        error=bindparam("in_error", type_=sa.Text),
        first_failed_us=func.coalesce(jobs.c.first_failed_us, bindparam("failed_us", type_=sa.BigInteger)),
        last_failed_us=func.coalesce(bindparam("failed_us", type_=sa.BigInteger), jobs.c.last_failed_us),
        tries=func.coalesce(bindparam("in_tries", type_=sa.Text), jobs.c.tries),
    )
)
_idle: Final = sa.or_(jobs.c.leased_until_us.is_(None), jobs.c.leased_until_us <= _now)
DEPTH: Final = sa.select(
    func.count().label("total"),
    func.coalesce(func.sum(sa.case((jobs.c.leased_until_us > _now, 1), else_=0)), 0).label("running"),
    func.coalesce(func.sum(sa.case((sa.and_(_idle, jobs.c.not_before_us > _now), 1), else_=0)), 0).label("delayed"),
    sa.select(func.count())
    .select_from(dead_letters)
    .where(dead_letters.c.queue == _queue)
    .scalar_subquery()
    .label("dead"),
).where(jobs.c.queue == _queue)
