"""The printed description."""

from home_sentry_engine import __version__


def test_the_document_describes_the_whole_api(run):
    outcome = run("openapi")
    document = outcome.document
    assert outcome.status == 0
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == __version__
    assert {"/health", "/api/v1/info", "/api/v1/events", "/api/v1/cameras/{camera_id}/frames"} <= document[
        "paths"
    ].keys()


def test_it_is_the_same_each_time(run):
    assert run("openapi").out == run("openapi").out
