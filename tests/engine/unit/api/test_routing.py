from dataclasses import replace

import pytest

from home_sentry_engine.api.fields import EVENT_ID, MEDIA_ID
from home_sentry_engine.api.routing import Answer, Call, Route, Router
from home_sentry_engine.contract.errors import NotAllowed, NotFound


async def respond(call: Call):
    raise NotImplementedError


ROUTE = Route(
    method="GET",
    path="/events/{event_id}",
    name="r",
    text="",
    respond=respond,
    answer=Answer(),
    fields=(EVENT_ID,),
)
LIST = replace(ROUTE, path="/events", name="list", fields=())
PICTURE = replace(ROUTE, path="/events/{event_id}/a.jpg", name="picture")
NEWEST = replace(ROUTE, path="/events/newest", name="newest", fields=())
ROUTER = Router((ROUTE, LIST, PICTURE, NEWEST, replace(ROUTE, method="PATCH", name="patch")))


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/events", "list"),
        ("HEAD", "/events", "list"),
        ("GET", "/events/e1", "r"),
        ("GET", "/events/%65%31", "r"),
        ("PATCH", "/events/e1", "patch"),
        ("GET", "/events/e1/a.jpg", "picture"),
        ("GET", "/events/newest", "newest"),
    ],
)
def test_paths_are_compared_segment_by_segment(method, path, name):
    match = ROUTER.find(method, path)
    assert match.route.name == name
    assert match.path in ({}, {"event_id": "e1"})


NOWHERE = (
    *("", "events", "*", "/", "//events", "/events/", "/Events", "/events/e1/", "/events/e1/b.jpg", "/events/E1"),
    *("/events/e%2f1", "/events/%ff", "/events/" + "a" * 65, "/events/e1%0a", "/events/..", "/./events"),
    *("/events/e1/../e1", "/x" * 5000),
)


@pytest.mark.parametrize("path", NOWHERE)
def test_everything_else_is_not_found(path):
    with pytest.raises(NotFound):
        ROUTER.find("GET", path)


def test_a_wrong_method_names_the_allowed_ones():
    with pytest.raises(NotAllowed) as refused:
        ROUTER.find("DELETE", "/events/e1")
    assert refused.value.details == {"allowed": ["GET", "HEAD", "PATCH"]}


def test_a_table_that_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="twice"):
        Router((ROUTE, ROUTE))
    with pytest.raises(ValueError, match="not declared"):
        Router((replace(ROUTE, fields=()),))
    with pytest.raises(ValueError, match="not declared"):
        Router((replace(ROUTE, fields=(MEDIA_ID,)),))
