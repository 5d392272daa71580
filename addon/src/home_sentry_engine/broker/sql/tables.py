"""Tables of the SQL queue, made by the store's migrations in the database of the data; a test holds both together.

Times are integer microseconds since 1970 UTC. Jobs of a queue stand in the order of priority (higher first), turn, id;
``queue_turns`` has the turn before the newest that was claimed of each priority. Where another dispatch hands the jobs
out, turns are its own and these stay 0.
``leased_until_us`` is NULL while nobody holds the job; a claim first frees the leases that have run out.
``tries`` is what ``broker.tries`` makes of the tries that failed.
"""

from typing import Final

import sqlalchemy as sa

metadata: Final = sa.MetaData()

jobs: Final = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("key", sa.Text),
    sa.Column("uniq", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("enqueued_us", sa.BigInteger, nullable=False),
    sa.Column("not_before_us", sa.BigInteger, nullable=False),
    sa.Column("updated_us", sa.BigInteger, nullable=False),
    sa.Column("leased_until_us", sa.BigInteger),
    sa.Column("owner", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("first_failed_us", sa.BigInteger),
    sa.Column("last_failed_us", sa.BigInteger),
    sa.Column("error", sa.Text),
    sa.Column("tries", sa.Text),
    sa.Column("turn", sa.BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
_PLACE: Final = (jobs.c.priority.desc(), jobs.c.turn, jobs.c.id)
sa.Index("uq_jobs_uniq", jobs.c.queue, jobs.c.uniq, unique=True)
sa.Index("ix_jobs_key", jobs.c.queue, jobs.c.key, *_PLACE)
sa.Index("ix_jobs_not_before", jobs.c.queue, jobs.c.not_before_us)
_IDLE: Final = jobs.c.leased_until_us.is_(None)
_LEASED: Final = jobs.c.leased_until_us.is_not(None)
sa.Index("ix_jobs_place", jobs.c.queue, *_PLACE, sqlite_where=_IDLE, postgresql_where=_IDLE)
sa.Index("ix_jobs_lease_end", jobs.c.queue, jobs.c.leased_until_us, sqlite_where=_LEASED, postgresql_where=_LEASED)

queue_turns: Final = sa.Table(
    "queue_turns",
    metadata,
    sa.Column("queue", sa.Text, primary_key=True),
    sa.Column("priority", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("turn", sa.BigInteger, nullable=False),
)

dead_letters: Final = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("key", sa.Text),
    sa.Column("uniq", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("job_id", sa.BigInteger),
    sa.Column("enqueued_us", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("error_type", sa.Text, nullable=False),
    sa.Column("stack", sa.Text),
    sa.Column("first_failed_us", sa.BigInteger, nullable=False),
    sa.Column("last_failed_us", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Text),
    sqlite_autoincrement=True,
)
sa.Index("ix_dead_letters_queue", dead_letters.c.queue, dead_letters.c.id)
