"""The SQL that makes and drops ``event_index``: FTS5 in SQLite, a table of tsvectors in PostgreSQL, kept by triggers.

In PostgreSQL ``·`` stands after each text, so that no phrase begins in one and ends in the next. SQLite's index holds
beginnings of words of up to ``BEGINNINGS`` characters; longer words stand in ``event_index_terms`` as well.
"""

import re
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

BEGINNINGS: Final = 3
TERMS: Final = sa.Table("event_index_terms", sa.MetaData(), sa.Column("term", sa.Text, primary_key=True))
_SQLITE: Final = (
    """CREATE VIRTUAL TABLE event_index USING fts5(
        summary, reasoning, objects, camera, marks,
        content='event_words', content_rowid='place', tokenize='ascii', prefix='1 2 3')""",
    "CREATE TABLE event_index_terms (term TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    """CREATE TRIGGER event_words_added AFTER INSERT ON event_words BEGIN
        INSERT INTO event_index(rowid, summary, reasoning, objects, camera, marks)
        VALUES (new.place, new.summary, new.reasoning, new.objects, new.camera, new.marks); END""",
    """CREATE TRIGGER event_words_removed AFTER DELETE ON event_words BEGIN
        INSERT INTO event_index(event_index, rowid, summary, reasoning, objects, camera, marks)
        VALUES ('delete', old.place, old.summary, old.reasoning, old.objects, old.camera, old.marks); END""",
    """CREATE TRIGGER event_words_changed AFTER UPDATE ON event_words BEGIN
        INSERT INTO event_index(event_index, rowid, summary, reasoning, objects, camera, marks)
        VALUES ('delete', old.place, old.summary, old.reasoning, old.objects, old.camera, old.marks);
        INSERT INTO event_index(rowid, summary, reasoning, objects, camera, marks)
        VALUES (new.place, new.summary, new.reasoning, new.objects, new.camera, new.marks); END""",
)
_TRIGGERS: Final = tuple(one for one in _SQLITE if one.startswith("CREATE TRIGGER"))
# all that any database of this engine does by itself; before schema 0014 the index had no marks
SQLITE_TRIGGERS: Final = frozenset({*_TRIGGERS, *(re.sub(r", (new\.|old\.)?marks", "", one) for one in _TRIGGERS)})
_SQLITE_DROP: Final = (
    "DROP TRIGGER IF EXISTS event_words_added",
    "DROP TRIGGER IF EXISTS event_words_removed",
    "DROP TRIGGER IF EXISTS event_words_changed",
    "DROP TABLE IF EXISTS event_index",
    "DROP TABLE IF EXISTS event_index_terms",
)
_SQLITE_FILL: Final = (
    "INSERT INTO event_index(event_index) VALUES ('rebuild')",
    "CREATE VIRTUAL TABLE temp.event_index_vocabulary USING fts5vocab('main', 'event_index', 'row')",
    """INSERT INTO event_index_terms
        SELECT term FROM temp.event_index_vocabulary WHERE length(term) > 3 AND substr(term, 1, 1) <> '·'""",
    "DROP TABLE temp.event_index_vocabulary",
)
_POSTGRES: Final = (
    """CREATE TABLE event_index (
        place BIGINT PRIMARY KEY REFERENCES event_words (place) ON DELETE CASCADE, vector TSVECTOR NOT NULL)""",
    "CREATE INDEX event_index_vector ON event_index USING gin (vector)",
    """CREATE FUNCTION event_words_vector(words TEXT) RETURNS TSVECTOR LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT coalesce(string_agg('''' || word || ''':' || position, ' '), '')::tsvector
        FROM unnest(string_to_array(words || ' ·', ' ')) WITH ORDINALITY AS part (word, position)
        WHERE word <> '' $$""",
    """CREATE FUNCTION event_words_indexed() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO event_index (place, vector) VALUES (NEW.place,
            setweight(event_words_vector(NEW.summary), 'A') || setweight(event_words_vector(NEW.objects), 'B')
            || setweight(event_words_vector(NEW.camera), 'C') || setweight(event_words_vector(NEW.reasoning), 'D')
            || event_words_vector(NEW.marks))
        ON CONFLICT (place) DO UPDATE SET vector = excluded.vector;
        RETURN NULL; END $$""",
    """CREATE TRIGGER event_words_indexed AFTER INSERT OR UPDATE ON event_words
        FOR EACH ROW EXECUTE FUNCTION event_words_indexed()""",
)
_POSTGRES_DROP: Final = (
    "DROP TRIGGER IF EXISTS event_words_indexed ON event_words",
    "DROP FUNCTION IF EXISTS event_words_indexed",
    "DROP TABLE IF EXISTS event_index",
    "DROP FUNCTION IF EXISTS event_words_vector",
)


def make_index(conn: Connection) -> None:
    """Make the empty index with its triggers."""
    for statement in _SQLITE if conn.dialect.name == "sqlite" else _POSTGRES:
        conn.exec_driver_sql(statement)


def drop_index(conn: Connection) -> None:
    """Drop the index and its triggers, as far as they are there."""
    for statement in _SQLITE_DROP if conn.dialect.name == "sqlite" else _POSTGRES_DROP:
        conn.exec_driver_sql(statement)


def index_words(conn: Connection) -> None:
    """Fill the new index from the words that are there."""
    for statement in _SQLITE_FILL if conn.dialect.name == "sqlite" else ("UPDATE event_words SET number = number",):
        conn.exec_driver_sql(statement)
