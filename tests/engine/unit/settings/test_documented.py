"""The documented table of settings is the schema's."""

from pathlib import Path
import re

import voluptuous as vol

from home_sentry_engine.settings.schema import SCHEMA

TOLD = Path(__file__).parents[4] / "docs" / "settings.md"
ROW = re.compile(r"^\| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def rows() -> dict[str, tuple[str, str]]:
    found = ROW.findall(TOLD.read_text(encoding="utf-8"))
    return {name: (default.strip().strip("`"), text) for name, default, text in found}


def test_every_setting_is_told_and_no_other():
    assert rows().keys() == {str(key) for key in SCHEMA.schema}


def test_the_defaults_are_those_of_the_schema():
    told = rows()
    for key in SCHEMA.schema:
        if isinstance(key.default, vol.Undefined):
            continue
        default = key.default()
        if isinstance(default, bool):
            assert told[str(key)][0] == str(default).lower()
        elif isinstance(default, int | float):
            assert float(told[str(key)][0]) == default, key
        elif key == "time_zone":
            assert told[str(key)][0] == "the machine's"
        elif isinstance(default, str):
            assert told[str(key)][0] == default, key


def test_a_number_outside_the_told_range_is_refused():
    checked = 0
    for name, (_, text) in rows().items():
        found = re.search(r"(-?[\d.]+) to (\d+)", text)
        if found is None or "characters" in text or name.startswith("risk_"):
            continue
        low, high = float(found[1]), float(found[2])
        for value, fits in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
            whole = int(value) if value.is_integer() else value
            try:
                SCHEMA({name: whole})
                accepted = True
            except vol.MultipleInvalid:
                accepted = False
            assert accepted is fits, (name, whole)
        checked += 1
    assert checked >= 20
