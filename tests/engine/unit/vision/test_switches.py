from dataclasses import replace

import pytest

from home_sentry_engine.vision.catalog import load_catalogue
from home_sentry_engine.vision.store import LicenceNotAccepted, Switches, require_licence

FREE = load_catalogue().get("yolov9-t-640-plates")
AGPL = load_catalogue().get("vehicle-damage-yolo11x")


def test_nobody_chose_at_first(tmp_path):
    assert Switches(tmp_path).choice(FREE) is None


def test_a_choice_outlives_the_process_and_reaches_another(tmp_path):
    here, there = Switches(tmp_path), Switches(tmp_path)
    here.switch_on(FREE)
    assert there.choice(FREE) is True
    there.switch_off(FREE)
    assert here.choice(FREE) is False


def test_a_restricted_licence_must_be_named(tmp_path):
    switches = Switches(tmp_path)
    for accepted in (None, "MIT", "agpl-3.0"):
        with pytest.raises(LicenceNotAccepted, match=r"'AGPL-3\.0'.*accept it by its name"):
            switches.switch_on(AGPL, accepted=accepted)
    assert switches.choice(AGPL) is None
    switches.switch_on(AGPL, accepted="AGPL-3.0")
    assert switches.choice(AGPL) is True
    require_licence(FREE, None)


def test_consent_to_one_licence_is_none_to_another(tmp_path):
    switches = Switches(tmp_path)
    switches.switch_on(AGPL, accepted="AGPL-3.0")
    assert switches.choice(replace(AGPL, licence="something worse")) is None


def test_a_damaged_file_switches_nothing_on(tmp_path, caplog):
    Switches(tmp_path).switch_on(FREE)
    for text in ("{", "[]", '{"x": 1}', '{"x": {"on": true}}'):
        (tmp_path / "models.switches.json").write_text(text)
        assert Switches(tmp_path).choice(FREE) is None
    assert "cannot be read" in caplog.text
