"""What the engine says it can do is what its operations do."""

from functools import partial

from home_sentry_engine.api.capabilities import CAPABILITIES, OPERATIONS

FORMER = {
    *("upload", "analyze", "review", "events", "detections", "websocket_resume", "household_facts", "linked_persons")
}


def family_of(route) -> str:
    """Name the module whose class answers."""
    respond = route.respond.func if isinstance(route.respond, partial) else route.respond
    return getattr(respond, "__self__", respond).__module__


def test_each_word_stands_for_an_operation_and_no_family_is_without_one(server):
    operations = {route.name: route for route in server.routes}
    assert set(OPERATIONS.values()) <= operations.keys()
    families = {family for family in map(family_of, server.routes) if ".routes." in family}
    assert len(families) > 20
    assert families == {family_of(operations[name]) for name in OPERATIONS.values()}


def test_words_that_clients_know_stay():
    assert set(CAPABILITIES) >= FORMER
    assert len(set(CAPABILITIES)) == len(CAPABILITIES)
    assert set(CAPABILITIES) >= {
        *("search", "rules", "alerts", "channels", "prompts", "evaluation", "clips", "exports"),
        *("summaries", "keys", "properties", "visual_verdict"),
    }
