from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.telemetry.redaction import REDACTED, Redactor


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdefgh12345", "abcdefgh12345"),
        ("headers {'Authorization': 'Bearer abc.def-ghi_jkl'}", "abc.def-ghi_jkl"),
        ("GET /x?token=s3cr3t-value&a=1", "s3cr3t-value"),
        ('{"token": "s3cr3t value"}', "s3cr3t value"),
        ("{'api_key': 's3cr3t-value'}", "s3cr3t-value"),
        ("SUPERVISOR_TOKEN=0123456789abcdef", "0123456789abcdef"),
        ("llm_api_key=sk-12345", "sk-12345"),
        ("florence_token: short", "short"),
        ("password: hunter2", "hunter2"),
        ("postgresql://sentry:hunter2@db/sentry", "hunter2"),
        ("redis://:hunter2@cache:6379/0", "hunter2"),
        ("http://user:hunter2@camera.local/stream", "hunter2"),
    ],
)
def test_what_looks_like_a_secret_goes(text, secret):
    clean = Redactor().clean(text)
    assert secret not in clean
    assert REDACTED in clean


@pytest.mark.parametrize(
    "text",
    [
        "The detector took 12 ms",
        "http://127.0.0.1:8093/api/v1/events",
        "camera front_door is online",
        "a keyboard and a tokeniser",
        "{'keys': 3, 'tokens': 512}",
        "12:30:45.678 INFO x: y",
    ],
)
def test_ordinary_lines_stay(text):
    assert Redactor(["x", ""]).clean(text) == text


@given(st.text(alphabet="0123456789!", min_size=6, max_size=40), st.text(), st.text())
def test_a_known_secret_goes_from_anywhere(secret, before, after):
    assert secret not in Redactor([secret]).clean(f"{before} {secret} {after}")


@pytest.mark.parametrize(
    "line", ["Ann came", "for ann example: 3", "(ANN-EXAMPLE)", "plate bhs1234", "B HS 1234!", "B-HS\u00b71234"]
)
def test_names_and_plates_of_the_household_go(line):
    redactor = Redactor()
    redactor.hide(["Ann", "Ann Example", "B-HS 1234", "Bo"])
    clean = redactor.clean(line)
    assert REDACTED in clean
    assert "ann" not in clean.lower()
    assert "1234" not in clean


def test_a_name_inside_a_word_and_one_that_is_too_short_stay():
    redactor = Redactor()
    redactor.hide(["Ann", "Bo"])
    assert redactor.clean("the channel annex of Bo") == "the channel annex of Bo"
