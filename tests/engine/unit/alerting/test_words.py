"""Texts of models and people in messages: readable, and nothing else."""

import re

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.alerting.words import shown


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("A person stands at the door.", "A person stands at the door."),
        ("Look at https://evil.example/x?a=1 now", "Look at https ://evil .example/x?a=1 now"),
        ("call evil.example or a@evil.example", "call evil .example or a (at) evil .example"),
        ("javascript:alert(1)", "javascript :alert(1)"),
        ("[click](http://x.y)", "(click)(http ://x .y)"),
        ("{{ states('lock.front') }}", "(( states('lock .front') ))"),
        ("two\r\nlines\u2028three", "two lines three"),
        ("\u202eevil\u200b", "evil"),
        ("at 12.5 m, 3.2 s", "at 12.5 m, 3.2 s"),
        ("<b>bold</b>", "<b>bold</b>"),
    ],
)
def test_examples(text, safe):
    assert shown(text, 200) == safe


@given(st.text(max_size=300), st.integers(1, 100))
def test_no_text_becomes_a_link_a_template_or_a_second_line(text, cap):
    safe = shown(text, cap)
    assert len(safe) <= cap
    assert not re.search(r"[\r\n{}\[\]`]|[a-z]:/|[a-z]\.[a-z]|\S@\S", safe, re.IGNORECASE)


@given(st.text(alphabet="htps:/.w@ab{}[]()", max_size=60))
def test_nor_does_one_that_wants_to(text):
    assert not re.search(r"[{}\[\]]|[a-z]:/|[a-z]\.[a-z]|\S@\S", shown(text, 500))
