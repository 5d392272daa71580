"""The longer words that stand in SQLite's index, to write out a beginning of words in a query.

FTS5 goes through every event that has such a word before it gives the newest, unless its index holds the beginning.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from .hooks import hooks_of
from .quick import QuickInsert
from .search import All, Either, Term, Tree
from .search_tables import BEGINNINGS, TERMS

MOST: Final = 64
"""Words that are written out; where more begin so, FTS5 gathers the events, which takes longer."""
_LAST_CHARACTER: Final = "\U0010ffff"
_REMEMBERED: Final = 20_000
_KNOWN: Final = "home_sentry_search_terms"
_ADD: Final = QuickInsert(TERMS, ("term",), skip=())
_BEGINNING: Final = (
    sa.select(TERMS.c.term)
    .where(TERMS.c.term >= sa.bindparam("first"), TERMS.c.term < sa.bindparam("end"))
    .limit(MOST + 1)
)
_NEXT: Final = sa.select(TERMS.c.term).where(TERMS.c.term > sa.bindparam("after")).order_by(TERMS.c.term)
_FORGET: Final = sa.text("""DELETE FROM event_index_terms WHERE term > :after AND term <= :last
    AND NOT EXISTS (SELECT 1 FROM event_index WHERE event_index MATCH '"' || term || '"')""")


@dataclass(slots=True)
class _Known:
    """Words of which the connection knows that they are stored; ``forgotten`` counts how often that ended."""

    words: set[str] = field(default_factory=set)
    forgotten: int = 0

    def learn(self, words: Iterable[str], forgotten: int) -> None:
        # some of them may have been forgotten in the transaction that stored them
        if forgotten == self.forgotten and len(self.words) < _REMEMBERED:
            self.words.update(words)

    def forget(self) -> None:
        self.words.clear()
        self.forgotten += 1


def add_terms(conn: Connection, *texts: str) -> None:
    """Let the words of an event's texts, parted by spaces, be found by their beginning."""
    if conn.dialect.name != "sqlite":
        return
    known = _known(conn)
    # most of them are known, so the short ones are looked for among the few that are not
    new = set(" ".join(texts).split()) - known.words
    words = {word for word in new if len(word) > BEGINNINGS}
    _ADD.count(conn, [{"term": word} for word in words])
    try:
        hooks = hooks_of(conn)
    except LookupError:
        return
    forgotten = known.forgotten
    hooks.append(lambda: known.learn(words, forgotten))


def forget_terms(conn: Connection, after: str, most: int) -> str | None:
    """Forget those of the next ``most`` words that no event has any more; give the last, None at the end."""
    if conn.dialect.name != "sqlite":
        return None
    terms = conn.execute(_NEXT.limit(most), {"after": after}).scalars().all()
    if not terms:
        return None
    _known(conn).forget()
    last: str = terms[-1]
    conn.execute(_FORGET, {"after": after, "last": last})
    return last


def forget_all_terms(conn: Connection) -> None:
    """Note that the words are stored anew."""
    _known(conn).forget()


def with_terms(conn: Connection, tree: Tree) -> Tree:
    """Give the same query with the words that stand in the index in place of longer beginnings."""
    match tree:
        case Term(words, prefix=True) if len(words[-1]) > BEGINNINGS:
            return _written_out(conn, tree)
        case Term():
            return tree
        case Either(options):
            return Either(tuple(with_terms(conn, one) for one in options))
        case All(wanted, unwanted):
            return All(tuple(with_terms(conn, one) for one in wanted), tuple(with_terms(conn, one) for one in unwanted))


def _written_out(conn: Connection, term: Term) -> Tree:
    *before, beginning = term.words
    found = conn.execute(_BEGINNING, {"first": beginning, "end": beginning + _LAST_CHARACTER}).scalars().all()
    if not 0 < len(found) <= MOST:
        return term
    options = tuple(Term((*before, word)) for word in found)
    return options[0] if len(options) == 1 else Either(options)


def _known(conn: Connection) -> _Known:
    known: _Known = conn.info.setdefault(_KNOWN, _Known())
    return known
