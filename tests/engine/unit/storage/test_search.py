"""Search gives the same hits from both databases, and what a plain reading of the texts gives."""

import asyncio
from dataclasses import replace
import shutil

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import RiskLevel
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.errors import InvalidCursor, MalformedSearch
from home_sentry_engine.storage.query import SearchOrder, SearchQuery
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.retention import Expiry
from home_sentry_engine.storage.repositories.search import Search
from home_sentry_engine.storage.search import All, Either, Term, Tree, parse
from home_sentry_engine.storage.search_index import rebuild_index
from home_sentry_engine.storage.search_terms import MOST, forget_terms
from home_sentry_engine.storage.words import words_of
from tests.engine.unit.storage import samples
from tests.engine.unit.storage.samples import at, event
from tests.fakes.clock import FakeClock

EVENTS = Events()
SEARCH = Search(EVENTS)


def told(event_id, summary, *, reasoning=None, types=(), camera="yard", start=0.0, **fields):
    return event(
        event_id,
        summary=summary,
        reasoning=reasoning,
        object_types=tuple(types),
        camera_id=camera,
        camera_name=camera.replace("_", " ").title(),
        started_at=at(start),
        ended_at=None,
        **fields,
    )


async def store(database, *told_events):
    def work(conn):
        for one in told_events:
            samples.with_camera(conn, one.camera_id)
            EVENTS.insert(conn, one)

    await database.write(work)


async def search(database, text, **fields):
    return await database.read(lambda conn: SEARCH.page(conn, SearchQuery(text=text, **fields)))


async def hits(database, text, **fields):
    return [one.event_id for one in (await search(database, text, **fields)).items]


@pytest.fixture
async def filled(database):
    await store(
        database,
        told("door", "A person rings at the door", types=("person",), camera="front_door", start=1),
        told("dog", "A dog runs", reasoning="No person was seen", types=("dog",), start=2),
        told("van", "A van delivers a parcel", types=("truck", "traffic light"), camera="driveway", start=3),
        told("cafe", "Müll neben dem Café", reasoning="Straße, 2 Säcke", camera="street", start=4),
    )
    return database


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("person", ["dog", "door"]),
        ("PERSON dog", ["dog"]),
        ('"person was"', ["dog"]),
        ('"was person"', []),
        ("person NOT rings", ["dog"]),
        ("van OR rings", ["van", "door"]),
        ("a NOT (person OR van)", []),
        ('"front door"', ["door"]),
        ("driveway parcel", ["van"]),
        ("truck", ["van"]),
        ('"truck traffic"', []),
        ('"traffic light"', ["van"]),
        ('"runs no"', []),
        ('"door person"', []),
        ("pers*", ["dog", "door"]),
        ("strasse", ["cafe"]),
        ("cafe mull", ["cafe"]),
        ("CAFÉ", ["cafe"]),
        ("summary", []),
        ("nothing", []),
    ],
)
async def test_words_phrases_and_operators(filled, text, found):
    assert await hits(filled, text) == found
    assert sorted(await hits(filled, text, order=SearchOrder.RANK)) == sorted(found)


async def test_filters_narrow_the_hits(filled):
    await filled.write(lambda conn: EVENTS.review(conn, "dog", reviewed=True, user="me", now=at(9)))
    assert await hits(filled, "person", camera_id="front_door") == ["door"]
    assert await hits(filled, "person", reviewed=True) == ["dog"]
    assert await hits(filled, "person", reviewed=False) == ["door"]
    assert await hits(filled, "a", object_type="truck") == ["van"]
    assert await hits(filled, "a", level=RiskLevel.LOW) == []
    assert await hits(filled, "a", level=RiskLevel.HIGH, since=at(2)) == ["van", "dog"]
    assert await hits(filled, "a", since=at(1), until=at(3)) == ["dog", "door"]


async def test_marks_of_people_narrow_the_hits_and_outlive_a_revision(filled):
    def change(conn):
        EVENTS.mark(conn, "door", flagged=True, favourite=True)
        EVENTS.mark(conn, "dog", flagged=True)
        EVENTS.review(conn, "door", reviewed=True, user="me", now=at(9))
        stored = EVENTS.get(conn, "door")
        assert stored is not None
        known = replace(stored, reviewed=False, flagged=False, favourite=False)
        EVENTS.save(conn, replace(known, ended_at=at(8), revision=2))

    await filled.write(change)
    assert await hits(filled, "person", flagged=True) == ["dog", "door"]
    assert await hits(filled, "person", flagged=True, favourite=False) == ["dog"]
    assert await hits(filled, "person", reviewed=True, favourite=True, ongoing=False) == ["door"]
    assert await hits(filled, "a", flagged=False) == ["van"]
    assert await hits(filled, "a", ongoing=True) == ["van", "dog"]
    await filled.write(lambda conn: EVENTS.mark(conn, "door", flagged=False))
    assert await hits(filled, "person", flagged=True) == ["dog"]
    await filled.write(rebuild_index)
    assert await hits(filled, "person", reviewed=True) == ["door"]
    await filled.write(lambda conn: EVENTS.trash(conn, "door", at(9)))
    assert await hits(filled, "person", reviewed=True) == []
    await filled.write(lambda conn: EVENTS.trash(conn, "door", None))
    assert await hits(filled, "rings", reviewed=True) == ["door"]


async def test_names_that_are_alike_are_filtered_apart(database):
    names = ("Front Door", "front door", "front_door", "frontdoor", "front·door", "门")
    await store(database, *(told(name, "A cat", camera=name, types=(name,), start=1) for name in names))
    for name in names:
        assert await hits(database, "cat", camera_id=name) == [name]
        assert await hits(database, "cat", object_type=name) == [name]
        assert await hits(database, "cat", object_type=name, level=RiskLevel.HIGH) == [name]
        assert await hits(database, "cat", object_type=name, camera_id="other") == []
    for mark in ("·lhigh", "lhigh", "cfrontdoor", '"lhigh ofrontdoor"', "r*", "lhig*"):
        try:
            assert await hits(database, mark) == []
        except MalformedSearch:
            continue


async def test_beginnings_of_words_find_few_words_and_many(database):
    many = [f"plate{number}" for number in range(MOST + 6)]
    await store(database, *(told(word, f"A cat {word}", start=number) for number, word in enumerate(many)))
    assert sorted(await hits(database, "plate*", limit=1000)) == sorted(many)
    assert sorted(await hits(database, "cat-plate1*")) == sorted(word for word in many if word.startswith("plate1"))
    assert await hits(database, "plate7* NOT plate7") == []
    assert await hits(database, "plates*") == []
    await database.write(lambda conn: EVENTS.save(conn, told("plate0", "A platypus", start=0, revision=2)))
    assert await hits(database, "platy*") == ["plate0"]


async def test_words_that_no_event_has_any_more_are_forgotten(filled):
    def known(conn):
        if conn.dialect.name != "sqlite":
            return set()
        return set(conn.exec_driver_sql("SELECT term FROM event_index_terms").scalars())

    def forget(conn):
        last = ""
        while (following := forget_terms(conn, last, 3)) is not None:
            last = following

    before = await filled.read(known)
    await filled.write(forget)
    assert await filled.read(known) == before
    await filled.write(lambda conn: Expiry().delete_events(conn, ["van"]))
    await filled.write(forget)
    assert before - await filled.read(known) == (
        {"parcel", "delivers", "truck", "traffic", "light", "driveway"} & before
    )
    await filled.write(rebuild_index)
    after = await filled.read(known)
    await filled.write(forget)
    assert await filled.read(known) == after
    assert {"person", "rings"} <= after or not before


async def test_the_summary_weighs_more_than_the_reasoning(database):
    await store(
        database,
        told("said", "A ladder at the wall", reasoning="It is dark", start=1),
        told("thought", "It is dark", reasoning="A ladder at the wall", start=2),
    )
    assert await hits(database, "ladder") == ["thought", "said"]
    assert await hits(database, "ladder", order=SearchOrder.RANK) == ["said", "thought"]


@pytest.mark.parametrize("order", SearchOrder)
async def test_pages_hold_every_hit_once_while_events_come(database, order):
    await store(database, *(told(f"e{number}", "A cat " * (number % 3 + 1), start=number) for number in range(25)))
    found, cursor = [], None
    for round_number in range(9):
        page = await search(database, "cat", order=order, limit=4, cursor=cursor, with_total=True)
        found += [one.event_id for one in page.items]
        cursor = page.next_cursor
        assert not page.total_capped
        if cursor is None:
            break
        await store(database, told(f"new{round_number}", "A cat", start=100 + round_number))
    assert sorted(found) == sorted(f"e{number}" for number in range(25))
    if order is SearchOrder.NEWEST:
        assert found == [f"e{number}" for number in range(24, -1, -1)]


async def test_events_of_one_moment_are_all_found(database):
    await store(database, *(told(f"e{number}", "A cat", start=5) for number in range(130)))
    await store(database, told("before", "A cat", start=4.999), told("after", "A cat", start=5.003))
    page = await search(database, "cat", limit=1000, with_total=True)
    assert page.total == 132
    assert len({one.event_id for one in page.items}) == 132
    assert "before" in await hits(database, "cat", until=at(5))
    assert len(await hits(database, "cat", since=at(5), until=at(5.001), limit=1000)) == 130


async def test_a_total_ends_at_a_thousand(database):
    await store(database, *(told(f"e{number}", "A cat", start=number) for number in range(1001)))
    page = await search(database, "cat", with_total=True, limit=1)
    assert (page.total, page.total_capped) == (1000, True)
    page = await search(database, "cat", with_total=True, limit=1, since=at(1))
    assert (page.total, page.total_capped) == (1000, False)
    assert (await search(database, "cat")).total is None


async def test_cursors_hold_for_their_query_alone(filled):
    cursor = (await search(filled, "a", limit=1)).next_cursor
    for text, fields in (("b", {}), ("a", {"order": SearchOrder.RANK}), ("a", {"camera_id": "yard"})):
        with pytest.raises(InvalidCursor):
            await search(filled, text, cursor=cursor, **fields)
    with pytest.raises(InvalidCursor):
        await search(filled, "a", cursor="nonsense")


async def test_the_index_follows_every_change(filled):
    def revise(conn):
        stored = EVENTS.get(conn, "door")
        assert stored is not None
        EVENTS.save(conn, replace(stored, summary="A courier waits", object_types=("person", "bird"), revision=2))

    await filled.write(revise)
    assert await hits(filled, "rings") == []
    assert await hits(filled, "courier") == await hits(filled, "bird") == ["door"]
    await filled.write(lambda conn: EVENTS.trash(conn, "door", at(9)))
    assert await hits(filled, "courier") == []
    await filled.write(lambda conn: EVENTS.trash(conn, "door", None))
    assert await hits(filled, "courier") == ["door"]
    await filled.write(lambda conn: Expiry().delete_events(conn, ["door"]))
    assert await hits(filled, "courier") == []
    await filled.check()


async def test_a_failed_write_leaves_the_index_alone(filled):
    def fail(conn):
        EVENTS.insert(conn, told("lost", "An elephant"))
        raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await filled.write(fail)
    assert await hits(filled, "elephant") == []


async def test_the_index_is_made_again_from_the_events(filled):
    def ruin(conn):
        conn.exec_driver_sql("DELETE FROM event_words WHERE summary LIKE '%%dog%%'")
        conn.exec_driver_sql("UPDATE event_words SET summary = 'rubbish' WHERE camera = 'driveway'")
        conn.exec_driver_sql("DROP TABLE event_index")

    await filled.write(ruin)
    assert await filled.write(rebuild_index) == 4
    assert await hits(filled, "person") == ["dog", "door"]
    assert await hits(filled, "parcel") == ["van"]
    assert await hits(filled, "rubbish") == []
    await store(filled, told("late", "A person again", start=9))
    assert await hits(filled, "person") == ["late", "dog", "door"]


@pytest.mark.parametrize("text", ["", "NOT a", '"', "a OR", "(", "'; DROP TABLE events --\""])
async def test_a_malformed_search_never_reaches_the_database(filled, text):
    with pytest.raises(MalformedSearch):
        await hits(filled, text)


WORDS = (
    "a",
    "b",
    "ab",
    "é",
    "E",
    "x_y",
    "it's",
    "ß",
    "猫犬",
    "b.",
    "1e5",
    "OR",
    "-",
    "''",
    '"',
    "\\",
    "éabcd",
    "éabce",
)
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
LABELS = st.lists(st.sampled_from(("a", "b a", "é")), max_size=2, unique=True).map(tuple)
CORPUS = st.lists(st.tuples(TEXTS, st.none() | TEXTS, LABELS, st.integers(0, 3)), max_size=6)
BEGINNINGS = ("a*", "ab*", "eabc*", "eabcd*", "b-eabc*")
ATOMS = st.sampled_from((*(word for word in WORDS if word not in {'"', "OR"}), *BEGINNINGS, '"a b"', '"b a"', '"it s"'))
QUERIES = st.recursive(
    ATOMS,
    lambda inner: (
        st.tuples(inner, st.sampled_from((" ", " OR ", " AND ", " NOT ")), inner).map("".join)
        | inner.map(lambda text: f"({text})")
    ),
    max_leaves=6,
)


def says(tree: Tree, texts: list[list[str]]) -> bool:
    match tree:
        case Term(words, prefix):
            return any(_holds(text, list(words), prefix) for text in texts)
        case Either(options):
            return any(says(one, texts) for one in options)
        case All(wanted, unwanted):
            return all(says(one, texts) for one in wanted) and not any(says(one, texts) for one in unwanted)


def _holds(text: list[str], words: list[str], prefix: bool) -> bool:
    for start in range(len(text) - len(words) + 1):
        part = text[start : start + len(words)]
        last = part[-1].startswith(words[-1]) if prefix else part[-1] == words[-1]
        if part[:-1] == words[:-1] and last:
            return True
    return False


def reference(corpus, text):
    tree = parse(text)
    found = []
    for number, (summary, reasoning, labels, start) in enumerate(corpus):
        texts = [words_of(one) for one in (summary, reasoning or "", "Yard", *labels)]
        if says(tree, texts):
            found.append((start, number))
    return [f"e{number}" for _, number in sorted(found, reverse=True)]


async def check_against_reference(url, corpus, queries):
    async with Database(url, FakeClock()) as database:
        await database.write(lambda conn: conn.exec_driver_sql("DELETE FROM events"))
        await store(
            database,
            *(
                told(f"e{number}", summary, reasoning=reasoning, types=labels, start=start)
                for number, (summary, reasoning, labels, start) in enumerate(corpus)
            ),
        )
        for text in queries:
            try:
                wanted = reference(corpus, text)
            except MalformedSearch:
                with pytest.raises(MalformedSearch):
                    await hits(database, text)
                continue
            assert await hits(database, text) == wanted, text
            assert sorted(await hits(database, text, order=SearchOrder.RANK)) == sorted(wanted), text
            page = await search(database, text, with_total=True)
            assert page.total == len(wanted)


@settings(max_examples=60, deadline=None)
@given(corpus=CORPUS, queries=st.lists(QUERIES, min_size=1, max_size=8))
def test_sqlite_finds_what_a_plain_reading_finds(empty_file, tmp_path_factory, corpus, queries):
    file = shutil.copy(empty_file, tmp_path_factory.mktemp("search") / "engine.db")
    asyncio.run(check_against_reference(sqlite_url(file), corpus, queries))


@pytest.fixture(scope="module")
def postgres_url(postgres_server) -> str:
    return asyncio.run(postgres_server.migrated())


@settings(max_examples=40, deadline=None)
@given(corpus=CORPUS, queries=st.lists(QUERIES, min_size=1, max_size=8))
def test_postgresql_finds_what_a_plain_reading_finds(postgres_url, corpus, queries):
    asyncio.run(check_against_reference(postgres_url, corpus, queries))
