"""Anything in the search box: 1,000 cases over HTTP, 400 over the WebSocket."""

import json
from urllib.parse import quote

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.engine.fuzz.harness import CASES
from tests.engine.fuzz.http import request_bytes
from tests.engine.fuzz.test_rest import ask
from tests.engine.fuzz.test_socket import GOOD_AUTH, converse

PIECES = st.sampled_from(
    ("person", "dog", "do*", "AND", "OR", "NOT", "(", ")", '"', "“", "*", ":", "-", "'", ";", "\0")
)
TYPED = st.lists(PIECES | st.text(max_size=8), max_size=12).map(" ".join)
BYTES = st.binary(max_size=40).map(quote)
ORDERS = st.sampled_from(("newest", "rank", "best", ""))
ARGUMENTS = st.fixed_dictionaries(
    {"q": TYPED | st.integers() | st.none()}, optional={"order": ORDERS, "total": st.booleans()}
)


@settings(CASES, max_examples=500)
@given(TYPED.map(quote) | BYTES, st.none() | ORDERS, st.sampled_from(("", "&limit=1", "&total=true", "&cursor=1")))
def test_any_search(target, query, order, more):
    path = f"/api/v1/events/search?q={query}{more}" + (f"&order={order}" if order is not None else "")
    status = ask(target, request_bytes("GET", path))
    assert status in {200, 400}
    event(f"answered {status}")


@settings(CASES, max_examples=200)
@given(
    st.fixed_dictionaries({"q": TYPED | st.integers() | st.none()}, optional={"order": ORDERS, "total": st.booleans()})
)
def test_any_search_by_command(target, args):
    frame = json.dumps({"type": "command", "id": 1, "name": "search_events", "args": args})
    converse(target, [GOOD_AUTH, frame])
