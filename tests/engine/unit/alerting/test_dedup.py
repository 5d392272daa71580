"""Keys of alerts stay within their charset, whatever the scene says."""

import re

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.alerting.dedup import LONGEST, NAMES, InvalidTemplate, checked_template, key_of

VALUES = st.dictionaries(st.sampled_from(sorted(NAMES)), st.text(max_size=300))
PARTS = st.sampled_from([*(f"{{{name}}}" for name in sorted(NAMES)), ":", "-", "_", "a", "Z9"])
TEMPLATES = st.lists(PARTS, min_size=1, max_size=8).map("".join)


@given(TEMPLATES, VALUES)
def test_a_key_has_the_charset_whatever_the_values(template, values):
    key = key_of(template, values)
    assert re.fullmatch(rf"[A-Za-z0-9_:-]{{1,{LONGEST}}}", key, re.ASCII)


@given(st.text(max_size=40))
def test_a_template_is_refused_or_makes_a_key(template):
    try:
        checked_template(template)
    except InvalidTemplate:
        return
    assert re.fullmatch(r"[A-Za-z0-9_:-]+", key_of(template, {}), re.ASCII)


def test_values_are_put_in_and_never_read_as_templates():
    values = {"camera_id": "{rule_id}", "rule_id": "r1", "object_type": "Größe 5"}
    assert key_of("{camera_id}:{rule_id}", values) == "_rule_id_:r1"
    assert key_of("{object_type}-{zone_id}", values) == "Gr__e_5-any"


@pytest.mark.parametrize("template", ["", "{camera}", "{camera_id!r}", "{{camera_id}}", "a}b", "{", "x" * 201, "a\n"])
def test_other_templates_are_refused(template):
    with pytest.raises(InvalidTemplate):
        key_of(template, {"camera_id": "door"})
