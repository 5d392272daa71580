"""One table drives prompt, grammar and parser."""

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.domain.claims import Claim
from home_sentry_engine.language.errors import BadOutput
from home_sentry_engine.language.schema import (
    FIELDS,
    SEEING_FIELDS,
    Answer,
    Size,
    answer_of,
    instructions,
    json_schema,
)
from tests.fakes.language import ANSWER

NAMES = [field.name for field in FIELDS]


def test_prompt_grammar_and_parser_know_the_same_fields():
    assert [field.name for field in fields(Answer)] == [*NAMES, "verdict"]
    for size in Size:
        schema = json_schema(size)
        assert list(schema["properties"]) == schema["required"] == NAMES
        assert all(name in instructions(size) for name in NAMES)


def test_a_model_that_sees_is_asked_for_a_verdict_before_the_score():
    schema = json_schema(Size.FULL, SEEING_FIELDS)
    assert schema["required"][:3] == ["reasoning", "verdict", "risk_score"]
    assert schema["properties"]["verdict"]["enum"] == ["confirmed", "rejected", "uncertain"]
    assert "confirmed, rejected, uncertain" in instructions(Size.FULL, SEEING_FIELDS)
    assert answer_of({**ANSWER, "verdict": " Rejected"}, SEEING_FIELDS).verdict == "rejected"
    for wrong in ({}, {"verdict": "no"}, {"verdict": 3}):
        with pytest.raises(BadOutput, match="verdict"):
            answer_of({**ANSWER, **wrong}, SEEING_FIELDS)


def test_the_score_is_an_enum_and_follows_the_reasoning():
    schema = json_schema(Size.FULL)
    assert schema["properties"]["risk_score"]["enum"] == list(range(101))
    assert NAMES.index("reasoning") < NAMES.index("risk_score")


@pytest.mark.parametrize("size", Size)
def test_no_text_limit_endangers_the_grammar(size):
    shapes = json_schema(size)["properties"].values()
    limits = [shape.get("maxLength") or shape.get("items", {}).get("maxLength") or 1 for shape in shapes]
    assert max(limits) <= 600


def test_flags_are_the_claims():
    assert json_schema(Size.FULL)["properties"]["flags"]["items"]["enum"] == [claim.value for claim in Claim]


def test_a_valid_answer_is_read():
    parsed = answer_of(ANSWER)
    assert (parsed.risk_score, parsed.confidence, parsed.entities) == (40, 70, ("person",))


@pytest.mark.parametrize(("told", "read"), [(-5, 0), (101, 100), (40.4, 40), (1000, 100)])
def test_a_score_that_slipped_is_clamped(told, read):
    assert answer_of({**ANSWER, "risk_score": told}).risk_score == read


@pytest.mark.parametrize("told", [1e9, -1e9, float("nan"), float("inf"), "40", None, True, [40], {}])
def test_a_score_that_is_none_is_bad_output(told):
    with pytest.raises(BadOutput, match="risk_score"):
        answer_of({**ANSWER, "risk_score": told})


@pytest.mark.parametrize("name", [field.name for field in FIELDS if field.required])
def test_a_missing_field_is_bad_output(name):
    with pytest.raises(BadOutput, match=name):
        answer_of({key: value for key, value in ANSWER.items() if key != name})


@pytest.mark.parametrize("name", ["entities", "flags", "confidence_factors"])
def test_a_missing_list_is_empty(name):
    assert getattr(answer_of({key: value for key, value in ANSWER.items() if key != name}), name) == ()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.one_of(_json, st.dictionaries(st.sampled_from(NAMES), _json).map(lambda changes: {**ANSWER, **changes})))
def test_any_value_is_an_answer_in_range_or_bad_output(value):
    try:
        parsed = answer_of(value)
    except BadOutput:
        return
    assert 0 <= parsed.risk_score <= 100
    assert 0 <= parsed.confidence <= 100
    assert parsed.summary
    assert len(parsed.reasoning) <= 600
