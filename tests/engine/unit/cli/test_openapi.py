"""The printed description."""

import json
import re

from home_sentry_engine import __version__
from home_sentry_engine.language.prompt import system_text
from home_sentry_engine.language.schema import Size


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


def test_no_field_filter_or_prompt_asks_for_sex_or_age(run):
    document = run("openapi").document
    names = set(re.findall(r'"([a-z_]+)": \{', json.dumps(document["components"])))
    names |= {field["name"] for path in document["paths"].values() for one in path.values()
              for field in one.get("parameters", ())}  # fmt: skip
    words = {word for name in names for word in name.split("_")}
    assert {"confidence", "label"} <= words
    assert not words & {"age", "gender", "sex", "male", "female", "ethnicity", "race", "emotion"}
    asked = " ".join(system_text(size, "en") for size in Size)
    assert not re.search(r"\b(age|gender|sex|male|female|ethnic\w*|man|woman)\b", asked, re.IGNORECASE)
