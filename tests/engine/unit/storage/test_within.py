"""Cameras beyond which nothing exists: every list, every count and the search keep to them."""

from datetime import UTC

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine.storage.marks import narrowed
from home_sentry_engine.storage.query import EventQuery, MediaQuery, SearchOrder, SearchQuery
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.media import MediaFiles
from home_sentry_engine.storage.repositories.search import Search
from home_sentry_engine.storage.repositories.stats import EventCounts
from home_sentry_engine.storage.search import All, Either, Term, parse
from tests.engine.unit.storage.samples import at, event, with_camera, with_media

CAMERAS = ("door", "garden", "yard")
EVENTS = Events()


@pytest.fixture
async def home(database):
    """Nine events and files, three of each camera in turn."""

    def work(conn):
        for number in range(9):
            camera = CAMERAS[number % 3]
            with_camera(conn, camera)
            with_media(conn, f"m{number}", camera_id=camera)
            values = {"camera_id": camera, "started_at": at(number), "summary": "A person with a dog"}
            EVENTS.insert(conn, event(f"e{number}", **values))

    await database.write(work)
    return database


def numbers(items, name: str) -> list[int]:
    return sorted(int(getattr(one, name)[1:]) for one in items)


@pytest.mark.parametrize(
    ("within", "camera", "expected"),
    [
        (None, None, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (("door",), None, [0, 3, 6]),
        (("door", "yard"), None, [0, 2, 3, 5, 6, 8]),
        (("door", "yard"), "yard", [2, 5, 8]),
        (("door",), "yard", []),
        (("attic",), None, []),
    ],
)
async def test_lists_counts_and_search(home, within, camera, expected):
    limits = {"within": within, "camera_id": camera, "with_total": True}

    def read(conn):
        search = Search(EVENTS)
        return (
            EVENTS.page(conn, EventQuery(**limits)),
            MediaFiles().page(conn, MediaQuery(**limits)),
            [search.page(conn, SearchQuery(text="dog", order=order, **limits)) for order in SearchOrder],
            EventCounts().of(conn, EventQuery(**limits), UTC),
        )

    events, files, found, stats = await home.read(read)
    assert numbers(events.items, "event_id") == expected
    assert events.total == len(expected)
    assert sorted(int(one.media.media_id[1:]) for one in files.items) == expected
    for page in found:
        assert (numbers(page.items, "event_id"), page.total) == (expected, len(expected))
    assert stats.total == len(expected)
    assert set(stats.by_camera) <= set(within or CAMERAS)


async def test_pages_go_on_within_the_same_cameras_only(home):
    def read(conn, **query):
        return EVENTS.page(conn, EventQuery(limit=2, **query))

    first = await home.read(lambda conn: read(conn, within=("door",)))
    rest = await home.read(lambda conn: read(conn, within=("door",), cursor=first.next_cursor))
    assert numbers((*first.items, *rest.items), "event_id") == [0, 3, 6]


WORD = st.text(st.sampled_from("abcd"), min_size=1, max_size=3)


@settings(deadline=None)
@given(text=st.lists(WORD | st.just("OR") | st.just("NOT"), min_size=1, max_size=5), within=st.sets(WORD, min_size=1))
def test_no_query_reaches_beyond_its_cameras(text, within):
    """Whatever is typed stands beside the cameras, never in the place of them."""
    try:
        tree = parse(" ".join(text))
    except ValueError:
        return
    whole = narrowed(tree, EventQuery(within=tuple(sorted(within))))
    assert isinstance(whole, All)
    assert tree in whole.wanted
    (cameras,) = [one for one in whole.wanted if one is not tree]
    assert cameras == Either(tuple(Term((f"·c{name}",)) for name in sorted(within)))
