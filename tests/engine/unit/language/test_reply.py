"""Raw model text becomes an answer or a named failure."""

import pytest

from home_sentry_engine.language.errors import BadOutput, OutputTruncated
from home_sentry_engine.language.reply import MAX_REPLY, parse_reply
from tests.fakes.language import answer


@pytest.mark.parametrize(
    "text",
    [
        answer(),
        f'<think>first {{"risk_score": 99}}</think>{answer()}',
        f"thoughts that the template opened</think>\n{answer()}",
        f"```json\n{answer()}\n```",
        f"Sure! Here it is:\n{answer()}\nAnything else?",
        f"{answer(risk_score=99)}\nNo, better: {answer()}",
        f"{{broken {answer()}",
        answer().replace("A person waits", "A person\nwaits"),
    ],
)
def test_the_last_object_counts(text):
    parsed = parse_reply(text)
    assert parsed.risk_score == 40
    assert parsed.summary == "A person waits at the door."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "I cannot help with that.",
        "[1, 2]",
        "null",
        '"text"',
        answer()[:60],
        answer().replace("40", "NaN"),
        answer().replace("40", "Infinity"),
        answer(risk_score=None),
        answer(risk_score=10**9),
        answer(risk_score="high"),
        answer().replace("40", "9" * 5000),
        "{" * 2000,
        '{"a":' * 10_000,
        "x" * (MAX_REPLY + 1),
    ],
)
def test_anything_else_is_bad_output(text):
    with pytest.raises(BadOutput):
        parse_reply(text)


def test_a_cut_answer_is_told_apart():
    with pytest.raises(OutputTruncated):
        parse_reply(answer()[:60], truncated=True)


def test_an_answer_that_is_whole_before_the_limit_counts():
    assert parse_reply(f"{answer()} and then", truncated=True).risk_score == 40


def test_markup_links_and_braces_never_reach_people():
    summary = (
        "<b>Look</b> [here](http://evil.example/x) or https://evil.example {{ states('x') }} `rm` {% if %} **now**"
    )
    parsed = parse_reply(answer(summary=summary))
    assert "evil" not in parsed.summary
    assert not set("<>{}`*") & set(parsed.summary)
    assert "Look here" in parsed.summary


def test_long_texts_are_cut():
    parsed = parse_reply(answer(summary="word " * 500))
    assert len(parsed.summary) <= 240
