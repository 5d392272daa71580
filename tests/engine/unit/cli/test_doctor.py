"""``doctor`` on this machine, and each judgement on machines that are not here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
import os
from pathlib import Path
import pwd
import socket
import sqlite3
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest

from home_sentry_engine.app.lock import DataFolder
from home_sentry_engine.operations.certificate import LASTS, grouped, own_certificate
from home_sentry_engine.operations.data_folder import is_held, note_port, noted_port
from home_sentry_engine.operations.doctor import Finding, State, database, detector, examine, language, runtime, worst
from home_sentry_engine.operations.doctor.database import sqlite_file
from home_sentry_engine.operations.doctor.graphics import Card, look, parse_cards, render_devices
from home_sentry_engine.operations.doctor.machine import clock, memory, python
from home_sentry_engine.operations.doctor.network import certificate, port
from home_sentry_engine.operations.doctor.places import camera_folder, data_folder, disk, watches
from home_sentry_engine.settings import ApiSettings, IngestSettings, Settings, load_settings
from tests.fakes.ports import silent_port

EVERYTHING = {
    *("python", "memory", "processor", "clock", "data", "disk", "cameras", "watcher", "database", "gpu"),
    *("onnxruntime", "pictures", "clips", "detector", "port", "tls"),
}


@pytest.fixture
def nobodys_port() -> Iterator[int]:
    with silent_port() as number:
        yield number


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data=tmp_path / "data", overrides={"llm": False})


def test_every_part_is_looked_at_and_nothing_is_made(run, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME_SENTRY_LLM", "false")
    monkeypatch.setenv("HOME_SENTRY_PORT", "0")
    outcome = run("doctor", "--data", tmp_path / "data", "--json")
    document = outcome.document
    by_id = {one["id"]: one for one in document["findings"]}
    assert by_id.keys() >= EVERYTHING
    assert all((one["fix"] is None) == (one["state"] == "ok") for one in document["findings"])
    assert document["state"] == worst(Finding(id="", state=State(one["state"]), text="") for one in by_id.values())
    assert outcome.status == (1 if document["state"] == "fail" else 0)
    assert not (tmp_path / "data").exists()
    assert by_id["llm"]["text"] == "switched off; every event keeps its rule score"
    found = by_id["detector"]
    assert (found["state"], found["facts"]["basic"]) == ("warn", True)
    assert "no model file is here" in found["text"]
    assert found["fix"].startswith("home-sentry models get")


def test_the_text_shows_state_and_fix_and_fails_for_a_taken_port(run, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME_SENTRY_LLM", "false")
    with taken_port() as number:
        monkeypatch.setenv("HOME_SENTRY_PORT", str(number))
        outcome = run("doctor", "--data", tmp_path)
    lines = outcome.out.splitlines()
    at = lines.index(f"fail  port         127.0.0.1:{number} is in use by another program")
    assert lines[at + 1].strip() == "-> stop that program, or choose another --port"
    assert outcome.status == 1
    assert lines[-1].startswith("The engine cannot do its work")


async def test_with_a_model_the_detector_is_loaded_and_runs(tmp_path, model_mirror):
    settings = load_settings(
        data=tmp_path / "data", overrides={"model_mirror": str(model_mirror), "detector": "deimv2-atto"}
    )
    (finding,) = await detector.look(settings)
    assert finding.state is State.OK
    assert finding.facts["model_id"] == "deimv2-atto"
    assert finding.facts["provider"] in {"cpu", "cuda", "openvino"}
    assert str(model_mirror) in finding.text
    assert not (tmp_path / "data").exists()


async def test_a_class_that_the_detector_does_not_know_is_a_warning(tmp_path, model_mirror):
    overrides = {"detector": "deimv2-atto", "detection_classes": "persn,bike"}
    settings = load_settings(
        data=tmp_path, environment={"HOME_SENTRY_MODEL_MIRROR": str(model_mirror)}, overrides=overrides
    )
    (finding,) = await detector.look(settings)
    assert finding.state is State.WARN
    assert "'persn' (nearest: 'person')" in finding.text
    assert "bike" not in finding.text
    assert "detection_classes" in (finding.fix or "")


def test_without_a_gpu_the_way_to_recognise_vehicles_is_told(settings):
    models = settings.models
    told = runtime.vehicles(models)
    assert "not recognised again" in told.text
    assert "models enable siglip2-base-int8" in told.text
    assert "siglip2-base-int8 compares" in runtime.vehicles(replace(models, on=frozenset({"siglip2-base-int8"}))).text


async def test_an_unknown_detector_fails(tmp_path):
    (finding,) = await detector.look(load_settings(data=tmp_path, overrides={"detector": "yolo9000"}))
    assert finding.state is State.FAIL
    assert "no model is called 'yolo9000'" in finding.text


async def test_a_missing_language_model_tells_how_to_get_one(tmp_path):
    findings = await language.look(load_settings(data=tmp_path))
    (finding,) = (one for one in findings if one.id == "llm")
    assert finding.state is State.WARN
    assert "every event keeps its rule score" in finding.text
    assert "models get nemotron-3-nano-4b" in str(finding.fix)


async def test_an_unknown_language_model_is_a_warning(tmp_path):
    findings = await language.look(load_settings(data=tmp_path, overrides={"llm_model": "gpt-99"}))
    (finding,) = (one for one in findings if one.id == "llm")
    assert finding.state is State.WARN
    assert "gpt-99" in finding.text


async def test_a_detector_that_is_still_to_be_fetched_is_no_failure(tmp_path):
    raw = {"detector": "dfine-n", "model_mirror": str(tmp_path)}
    (finding,) = await detector.look(load_settings(data=tmp_path, overrides=raw))
    assert (finding.state, "offline" in finding.text) == (State.WARN, False)
    assert str(finding.fix).endswith("; a running engine fetches it by itself when it may")
    (finding,) = await detector.look(load_settings(data=tmp_path, overrides=raw | {"offline": True}))
    assert (finding.state, "offline mode forbids" in finding.text) == (State.FAIL, True)


async def test_database_server_and_redis_are_called(tmp_path, nobodys_port):
    raw = {"database_url": f"postgresql://a:PLANTED@127.0.0.1:{nobodys_port}/x"}
    redis_url = f"redis://:PLANTED@127.0.0.1:{nobodys_port}"
    (alone,) = await database.look(load_settings(data=tmp_path, overrides=raw))
    server, redis = await database.look(load_settings(data=tmp_path, overrides=raw | {"redis_url": redis_url}))
    assert (alone, server.id, server.state) == (server, "database", State.FAIL)
    assert (redis.id, redis.state) == ("redis", State.WARN)
    assert str(redis.fix) == "start it, or correct redis_url"
    assert "PLANTED" not in repr((server, redis))


async def test_a_dead_language_server_is_a_warning(tmp_path, nobodys_port):
    (finding,) = await language.look(
        load_settings(data=tmp_path, overrides={"llm_url": f"http://127.0.0.1:{nobodys_port}"})
    )
    assert finding.state is State.WARN
    assert str(finding.fix).startswith("start that server")


async def test_a_broken_library_is_a_finding_and_not_the_end(settings):
    def load(name: str) -> ModuleType:
        if name == "decoders":
            raise ImportError("libsomething.so.1: cannot open shared object file")
        return import_module(f"home_sentry_engine.operations.doctor.{name}")

    by_id = {finding.id: finding for finding in await examine(settings, load)}
    assert by_id["decoders"].state is State.FAIL
    assert by_id["decoders"].text == "a library does not load: libsomething.so.1: cannot open shared object file"
    assert {"python", "detector", "port"} <= by_id.keys()


@pytest.mark.parametrize(
    ("version", "state"), [((3, 14, 1), State.FAIL), ((3, 14, 2), State.OK), ((3, 15, 0), State.OK)]
)
def test_python(version, state):
    assert python(version).state is state


@pytest.mark.parametrize(
    ("free", "state"), [(349_000_000, State.FAIL), (999_000_000, State.WARN), (1_000_000_000, State.OK)]
)
def test_memory(free, state):
    assert memory(free).state is state


@pytest.mark.parametrize(
    ("free", "state"), [(199_000_000, State.FAIL), (4_900_000_000, State.WARN), (5_000_000_000, State.OK)]
)
def test_disk(free, state):
    assert disk(Path("/data"), free).state is state


def test_the_clock_shows_the_home_s_time_zone(settings, tmp_path):
    at_home = load_settings(data=tmp_path, overrides={"time_zone": "Asia/Tokyo"})
    before = datetime.now(ZoneInfo("Asia/Tokyo"))
    told = clock(at_home).text
    days = {at.strftime("%Y-%m-%d") for at in (before, datetime.now(ZoneInfo("Asia/Tokyo")))}
    assert any(told.startswith(day) for day in days)


def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    own = os.geteuid()
    if own == 0:
        # to root nothing is forbidden
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        finding = data_folder(tmp_path / "data")
    finally:
        os.seteuid(own)
    assert finding.state is State.FAIL
    assert "Permission denied" in finding.text


def test_a_file_in_place_of_the_camera_folder(tmp_path):
    (tmp_path / "cameras").write_text("")
    assert camera_folder(IngestSettings(camera_root=tmp_path / "cameras")).state is State.FAIL


def test_camera_folders_are_counted(tmp_path):
    for name in ("Front Door", "Garage"):
        (tmp_path / name).mkdir()
    finding = camera_folder(IngestSettings(camera_root=tmp_path))
    assert (finding.state, finding.facts["cameras"]) == (State.OK, 2)


def test_more_folders_than_the_kernel_watches(tmp_path):
    for number in range(20):
        (tmp_path / str(number)).mkdir()
    assert watches(IngestSettings(camera_root=tmp_path), 100).state is State.OK
    finding = watches(IngestSettings(camera_root=tmp_path), 20)
    assert finding.state is State.WARN
    assert "sysctl fs.inotify.max_user_watches=524288" in str(finding.fix)
    assert watches(IngestSettings(camera_root=tmp_path, polling=True), 20).state is State.OK


def test_an_engine_on_another_port_is_no_fault(tmp_path):
    with taken_port() as number, DataFolder(tmp_path):
        settings = ApiSettings(port=number)
        assert port(settings, engine_runs=True, runs_on=noted_port(tmp_path)).state is State.OK
        note_port(tmp_path, 18093)
        told = port(settings, engine_runs=True, runs_on=noted_port(tmp_path))
        assert (told.state, told.text) == (
            State.OK,
            "an engine runs on this data folder and listens on port 18093",
        )
        # an engine's own port says nothing about one that has gone
    assert noted_port(tmp_path) is None
    with DataFolder(tmp_path):
        assert noted_port(tmp_path) is None


def test_an_open_address_without_consent_fails():
    finding = port(ApiSettings(host="0.0.0.0", port=0, tls="off"), engine_runs=False)
    assert finding.state is State.FAIL
    assert "allow_insecure" in str(finding.fix)
    for settings in (ApiSettings(host="0.0.0.0", port=0, allow_insecure=True), ApiSettings(host="0.0.0.0", port=0)):
        assert port(settings, engine_runs=False).state is State.OK


def test_the_fingerprint_is_shown_and_plain_http_is_told(tmp_path):
    wide = ApiSettings(host="0.0.0.0")
    assert "first start" in certificate(wide, tmp_path).text
    made = own_certificate(tmp_path, ("localhost",), datetime.now(UTC))
    finding = certificate(wide, tmp_path)
    assert finding.state is State.OK
    assert grouped(made.fingerprint) in finding.text
    assert certificate(ApiSettings(), tmp_path).state is State.OK
    assert certificate(replace(wide, app_network=True), tmp_path).state is State.OK
    assert certificate(replace(wide, allow_insecure=True), tmp_path).state is State.WARN
    broken = replace(wide, tls_certificate=made.chain, tls_key=tmp_path / "none.pem")
    assert certificate(broken, tmp_path).state is State.FAIL
    mine = replace(wide, tls_certificate=made.chain, tls_key=made.key)
    assert certificate(mine, tmp_path).state is State.OK
    soon = own_certificate(tmp_path / "old", ("localhost",), datetime.now(UTC) - LASTS + timedelta(days=5))
    assert certificate(replace(mine, tls_certificate=soon.chain, tls_key=soon.key), tmp_path).state is State.WARN


def test_an_address_of_another_machine_fails():
    assert port(ApiSettings(host="192.0.2.1", port=9, allow_insecure=True), engine_runs=False).state is State.FAIL


def test_a_port_in_use_by_the_engine_of_this_folder_is_fine(tmp_path):
    with taken_port() as number, DataFolder(tmp_path):
        finding = port(ApiSettings(port=number), engine_runs=is_held(tmp_path))
    assert (finding.state, is_held(tmp_path)) == (State.OK, False)
    assert finding.text.endswith("an engine runs on this data folder")


def test_a_foreign_database_fails_with_the_way_out(tmp_path):
    file = tmp_path / "home_sentry.db"
    file.write_bytes(b"no database at all" * 100)
    finding = sqlite_file(file)
    assert finding.state is State.FAIL
    assert str(finding.fix).endswith("home-sentry db restore BACKUP")


def test_a_database_of_an_older_release_is_a_warning(tmp_path):
    file = tmp_path / "home_sentry.db"
    older = sqlite3.connect(file)
    older.executescript("CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('0001')")
    older.close()
    finding = sqlite_file(file)
    assert finding.state is State.WARN
    assert "keeps a copy" in str(finding.fix)


def test_cards_of_nvidia_smi():
    text = "NVIDIA RTX A5500, 550.54, 24564, 23000, 41\nTesla T4, 550.54, 15360, [N/A], [Not Supported]\nsomething else"
    assert parse_cards(text) == (
        Card(name="NVIDIA RTX A5500", driver="550.54", memory_mib=24564, free_mib=23000, celsius=41),
        Card(name="Tesla T4", driver="550.54", memory_mib=15360, free_mib=None, celsius=None),
    )


def _program(folder: Path, script: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


async def test_a_card_that_answers(monkeypatch, tmp_path, settings):
    _program(tmp_path, "echo 'NVIDIA L4, 570.1, 23034, 22000, 38'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (finding,) = await look(settings)
    assert (finding.state, finding.text) == (State.OK, "NVIDIA L4, 23034 MiB (22000 free), driver 570.1")


async def test_a_driver_that_does_not_answer(monkeypatch, tmp_path, settings):
    _program(tmp_path, "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (finding,) = await look(settings)
    assert finding.state is State.WARN
    assert "could not communicate" in finding.text
    assert "NVIDIA Container Toolkit" in str(finding.fix)


def test_other_makers_are_named(tmp_path):
    vendor = tmp_path / "renderD128" / "device"
    vendor.mkdir(parents=True)
    (vendor / "vendor").write_text("0x8086\n")
    (tmp_path / "renderD129").mkdir()
    assert render_devices(tmp_path) == ["Intel GPU /dev/dri/renderD128"]
