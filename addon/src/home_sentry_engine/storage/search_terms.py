"""Beginnings of words in a query for SQLite: written out as the words that begin so.

FTS5 goes through every event that has such a word before it gives the newest, unless its index holds the beginning.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from .search import All, Either, Term, Tree
from .search_tables import BEGINNINGS, TERMS

MOST: Final = 64
"""Words that are written out; where more begin so, FTS5 gathers the events, which takes longer."""
_LAST_CHARACTER: Final = "\U0010ffff"
_BEGINNING: Final = (
    sa.select(TERMS.c.term)
    .where(TERMS.c.term >= sa.bindparam("first"), TERMS.c.term < sa.bindparam("end"))
    .limit(MOST + 1)
)


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
