"""Settings: sources, ranges, and messages that name the key and the fix."""

from contextlib import suppress
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.settings import InvalidSettings, load_settings

DATA = Path("data")


def test_defaults_are_the_documented_ones():
    settings = load_settings(data=DATA)
    assert settings.batch.rules.window_s == 90
    assert settings.batch.rules.idle_s == 30
    assert settings.detect.confidence == 0.5
    assert settings.detect.classes == {"person", "car", "truck", "dog", "cat", "bird", "bicycle", "motorcycle", "bus"}
    assert settings.ingest.camera_root == DATA / "cameras"
    assert settings.ingest.debounce_s == 0.5
    assert settings.api.host == "127.0.0.1"
    assert settings.roles == {"ingest", "detect", "assess", "api"}


def test_later_sources_win(tmp_path):
    file = tmp_path / "options.json"
    file.write_text(json.dumps({"detection_confidence": 0.6, "port": 9000, "language": "de"}))
    settings = load_settings(
        data=DATA, file=file, environment={"HOME_SENTRY_PORT": "9001", "OTHER": "x"}, overrides={"language": "fr"}
    )
    assert settings.detect.confidence == 0.6
    assert settings.api.port == 9001
    assert settings.language.language == "fr"


def test_toml_is_read(tmp_path):
    file = tmp_path / "engine.toml"
    file.write_text('camera_root = "/srv/cameras"\ndetection_classes = ["Motorbike", "person"]\n')
    settings = load_settings(data=DATA, file=file)
    assert settings.ingest.camera_root == Path("/srv/cameras")
    assert settings.detect.classes == {"motorcycle", "person"}


def test_lists_and_tables_come_from_the_environment_too():
    settings = load_settings(
        data=DATA,
        environment={
            "HOME_SENTRY_DETECTION_CLASSES": "person, car",
            "HOME_SENTRY_CAMERA_CONFIDENCE": '{"front_door": 0.7}',
            "HOME_SENTRY_LLM": "false",
            "HOME_SENTRY_ROLES": "api",
        },
    )
    assert settings.detect.classes == {"person", "car"}
    assert settings.detect.camera_confidence == {"front_door": 0.7}
    assert not settings.language.enabled
    assert settings.roles == {"api"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"detection_confidence": 1.5}, "setting 'detection_confidence': must be 0.01 to 1 (got 1.5)"),
        ({"colour": "red"}, "setting 'colour' is not known"),
        ({"retention_day": 3}, "setting 'retention_day' is not known, perhaps 'retention_days'?"),
        ({"retention_days": "soon"}, "setting 'retention_days': must be a number (got 'soon')"),
        ({"port": 80.5}, "setting 'port': must be a whole number (got 80.5)"),
        ({"provider": "tpu"}, "must be one of auto, cuda"),
        ({"time_zone": "Mars/Base"}, "must be a time zone such as Europe/Berlin"),
        ({"llm_url": "file:///etc/passwd"}, "must be an http:// or https:// address"),
        ({"risk_medium": 70}, "risk bands must rise"),
        ({"roles": "cook"}, "must be one or more of api, assess, detect, ingest"),
        ({"database_url": "mysql://x"}, "must be a postgresql:// or sqlite:// address"),
    ],
)
def test_a_bad_value_names_the_key_and_the_fix(raw, message):
    with pytest.raises(InvalidSettings) as err:
        load_settings(data=DATA, overrides=raw)
    assert message in str(err.value)


def test_secrets_do_not_appear_in_messages():
    with pytest.raises(InvalidSettings) as err:
        load_settings(data=DATA, overrides={"llm_api_key": 12345})
    assert "12345" not in str(err.value)


@pytest.mark.parametrize(("name", "text"), [("a.json", "[1]"), ("a.json", "{"), ("a.toml", "= 3")])
def test_a_broken_file_is_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidSettings, match=name):
        load_settings(data=DATA, file=tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", '{"llm": ' + "[" * 200_000), ("a.json", '{"llm": ' * 200_000), ("a.toml", "llm = " + "[" * 5000)],
    ids=["lists", "objects", "toml"],
)
def test_a_file_that_is_nested_without_end_is_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidSettings, match=rf"{name} is not valid: it is nested too deeply"):
        load_settings(data=DATA, file=tmp_path / name)


def test_a_value_that_is_nested_without_end_is_refused():
    with pytest.raises(InvalidSettings, match="nested too deeply"):
        load_settings(data=DATA, overrides={"box_rules": '{"a":' * 200_000})


def test_a_long_wrong_value_is_told_in_short():
    with pytest.raises(InvalidSettings, match="box_rules") as err:
        load_settings(data=DATA, overrides={"box_rules": "x" * 100_000})
    assert len(str(err.value)) < 300


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidSettings, match=r"cannot read the settings file none\.json"):
        load_settings(data=DATA, file=tmp_path / "none.json")


@given(
    st.dictionaries(
        st.sampled_from(["port", "provider", "camera_root", "llm", "x", "detection_classes"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=True),
            st.text(max_size=20),
            st.lists(st.text(max_size=5)),
        ),
    )
)
def test_rubbish_is_a_clear_error_or_accepted_never_anything_else(raw):
    with suppress(InvalidSettings):
        load_settings(data=DATA, overrides=raw)


def test_the_time_zone_is_the_machines_unless_told(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert load_settings(data=DATA).time_zone.key == "Europe/Berlin"
    assert load_settings(data=DATA, overrides={"time_zone": "Asia/Tokyo"}).time_zone.key == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "nowhere")
    assert load_settings(data=DATA).time_zone.key


def test_redis_needs_a_database_that_engines_can_share():
    for database in (None, "sqlite:////tmp/x.db"):
        with pytest.raises(InvalidSettings, match=r"redis_url.*postgresql"):
            load_settings(data=DATA, overrides={"redis_url": "redis://host", "database_url": database})
    with pytest.raises(InvalidSettings, match=r"'redis_url': must be a redis://"):
        load_settings(data=DATA, overrides={"redis_url": "http://host"})
    storage = load_settings(
        data=DATA,
        overrides={"redis_url": "redis://:two@host/1", "database_url": "postgresql://u:one@host/db"},
    ).storage
    assert not storage.is_local
    assert storage.passwords == ("one", "two")
    assert load_settings(data=DATA).storage.is_local


def test_pictures_lie_in_the_data_folder_unless_several_engines_share_them():
    assert load_settings(data=DATA).media_root == DATA
    assert load_settings(data=DATA, overrides={"media_root": "/srv/pictures"}).media_root == Path("/srv/pictures")


KEYS = ("detector_token", "enrichment_token", "florence_token", "clip_token", "llm_api_key", "mqtt_password")


def test_what_must_not_be_told_is_known_and_stands_in_no_description():
    secrets = {key: f"hidden {number}" for number, key in enumerate(KEYS)}
    settings = load_settings(
        data=DATA, overrides={**secrets, "mqtt_username": "sentry", "database_url": "postgresql://sentry:hunter2@db/x"}
    )
    assert set(settings.secrets) == {*secrets.values(), "hunter2"}
    for slice_ in (settings.detect, settings.enrichment, settings.language, settings.mqtt):
        assert "hidden" not in repr(slice_)
    assert load_settings(data=DATA).secrets == ()


def test_each_task_of_a_vision_language_model_has_a_flag():
    assert load_settings(data=DATA).enrichment.vision_tasks == {"caption", "detailed_caption"}
    environment = {
        "HOME_SENTRY_VISION_TASKS": "vqa, od",
        "HOME_SENTRY_VISION_QUESTIONS": '["Is the  gate open, or shut?", "Is it raining?"]',
    }
    wanted = load_settings(data=DATA, environment=environment).enrichment
    assert wanted.vision_tasks == {"vqa", "od"}
    assert wanted.vision_questions == ("Is the gate open, or shut?", "Is it raining?")
    one = load_settings(data=DATA, environment={"HOME_SENTRY_VISION_QUESTIONS": "Is the gate open, or shut?"})
    assert one.enrichment.vision_questions == ("Is the gate open, or shut?",)
    for wrong, message in (
        ({"vision_tasks": "poems"}, "must be of caption, detailed_caption"),
        ({"vision_tasks": "vqa"}, "vqa needs 'vision_questions'"),
        ({"vision_questions": ["why"] * 2 + ["x" * 201]}, "with 3 to 200 characters"),
        ({"vision_questions": [f"Is it {number}?" for number in range(6)]}, "at most 5 sentences"),
        ({"vision_questions": "[oops"}, "must be a sentence or a JSON list"),
        ({"vision_questions": 5}, "must be a list of sentences"),
    ):
        with pytest.raises(InvalidSettings, match=message):
            load_settings(data=DATA, overrides=wrong)


def test_the_depth_of_a_camera_has_two_ends():
    environment = {"HOME_SENTRY_DEPTH_SCALES": '{"drive": {"nearest_m": 2, "farthest_m": 30}}'}
    wanted = load_settings(data=DATA, environment=environment, overrides={"depth_of": "min"}).enrichment
    assert wanted.depth_scales == {"drive": {"nearest_m": 2.0, "farthest_m": 30.0}}
    assert wanted.depth_of == "min"
    for wrong, message in (
        ({"drive": {"nearest_m": 2}}, "depth_scales"),
        ({"drive": {"nearest_m": 30, "farthest_m": 2}}, "nearest_m below farthest_m"),
        ({"drive": {"nearest_m": 0, "farthest_m": 2}}, "must be 0.1 to 1000"),
        ("{oops", "must be a JSON object"),
    ):
        with pytest.raises(InvalidSettings, match=message):
            load_settings(data=DATA, overrides={"depth_scales": wrong})
