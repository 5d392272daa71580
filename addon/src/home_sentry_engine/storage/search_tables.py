"""The SQL that makes and drops ``event_index``: FTS5 in SQLite, a table of tsvectors in PostgreSQL, kept by triggers.

In PostgreSQL ``·`` stands after each text, so that no phrase begins in one and ends in the next.
"""

from typing import Final

from sqlalchemy import Connection

_SQLITE: Final = (
    """CREATE VIRTUAL TABLE event_index USING fts5(
        summary, reasoning, objects, camera, content='event_words', content_rowid='place', tokenize='ascii')""",
    """CREATE TRIGGER event_words_added AFTER INSERT ON event_words BEGIN
        INSERT INTO event_index(rowid, summary, reasoning, objects, camera)
        VALUES (new.place, new.summary, new.reasoning, new.objects, new.camera); END""",
    """CREATE TRIGGER event_words_removed AFTER DELETE ON event_words BEGIN
        INSERT INTO event_index(event_index, rowid, summary, reasoning, objects, camera)
        VALUES ('delete', old.place, old.summary, old.reasoning, old.objects, old.camera); END""",
    """CREATE TRIGGER event_words_changed AFTER UPDATE ON event_words BEGIN
        INSERT INTO event_index(event_index, rowid, summary, reasoning, objects, camera)
        VALUES ('delete', old.place, old.summary, old.reasoning, old.objects, old.camera);
        INSERT INTO event_index(rowid, summary, reasoning, objects, camera)
        VALUES (new.place, new.summary, new.reasoning, new.objects, new.camera); END""",
)
_SQLITE_DROP: Final = (
    "DROP TRIGGER IF EXISTS event_words_added",
    "DROP TRIGGER IF EXISTS event_words_removed",
    "DROP TRIGGER IF EXISTS event_words_changed",
    "DROP TABLE IF EXISTS event_index",
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
            || setweight(event_words_vector(NEW.camera), 'C') || setweight(event_words_vector(NEW.reasoning), 'D'))
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
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("INSERT INTO event_index(event_index) VALUES ('rebuild')")
    else:
        conn.exec_driver_sql("UPDATE event_words SET number = number")
