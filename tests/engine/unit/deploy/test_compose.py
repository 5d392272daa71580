"""The description of several nodes fits the engine: its settings, its folders, its image."""

from pathlib import Path
import re
import subprocess

import pytest
import yaml

from home_sentry_engine.settings import ROLES, Settings, load_settings

ROOT = Path(__file__).parents[4]
FILE = ROOT / "deploy/compose.yaml"
GIVEN = {"POSTGRES_PASSWORD": "secret"}
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])((?:[^{}]|\$\{[^}]*\})*))?\}")


def filled(text: str) -> str:
    """Put values in the places of variables, as Compose does."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        assert name in GIVEN or kind == "-", f"{name} has no value"
        return GIVEN.get(name) or filled(rest)

    return VARIABLE.sub(value, text)


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(filled(FILE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def engines(compose):
    return {
        name: service
        for name, service in compose["services"].items()
        if "HOME_SENTRY_ROLES" in service.get("environment", {})
    }


def settings_of(service) -> Settings:
    return load_settings(data=Path("/data"), environment=service["environment"])


def mounts(service) -> dict[str, str]:
    """Give what is mounted by its place."""
    pairs = [volume.split(":") for volume in service["volumes"]]
    return {pair[1]: pair[0] for pair in pairs}


def holder(service, folder: Path) -> str:
    """Name the volume that a folder lies on."""
    places = {Path(place): source for place, source in mounts(service).items()}
    return places[max((place for place in places if folder.is_relative_to(place)), key=lambda place: len(place.parts))]


def test_the_engines_play_every_role_and_share_database_and_redis(compose, engines):
    settings = [settings_of(service) for service in engines.values()]
    assert frozenset().union(*(one.roles for one in settings)) == ROLES
    assert sum(len(one.roles) for one in settings) == len(ROLES)
    (storage,) = {one.storage for one in settings}
    assert not storage.is_local
    for address, name in ((storage.database_url, "postgres"), (storage.redis_url, "redis")):
        assert re.search(rf"[@/]{name}:\d+/", str(address))
        assert name in compose["services"]
    server = compose["services"]["postgres"]["environment"]
    user, password, base = (server[f"POSTGRES_{part}"] for part in ("USER", "PASSWORD", "DB"))
    assert storage.database_url == f"postgresql://{user}:{password}@postgres:5432/{base}"


def test_pictures_and_clips_are_at_the_same_place_on_every_node_and_data_folders_are_not_shared(compose, engines):
    settings = {name: settings_of(service) for name, service in engines.items()}
    for shared in ("media_root", "camera_root"):
        places = {
            name: one.media_root if shared == "media_root" else one.ingest.camera_root for name, one in settings.items()
        }
        assert len(set(places.values())) == 1
        assert len({holder(engines[name], place) for name, place in places.items()}) == 1
    assert len({holder(service, Path("/data/engine.lock")) for service in engines.values()}) == len(engines)
    named = {
        source for service in compose["services"].values() for source in mounts(service).values() if "/" not in source
    }
    assert named == set(compose["volumes"])


def test_only_the_engine_with_the_api_is_reached_from_outside(compose, engines):
    open_to_all = {name for name, service in compose["services"].items() if "ports" in service}
    assert open_to_all == {name for name, service in engines.items() if "api" in settings_of(service).roles}
    dockerfile = (ROOT / "addon/Dockerfile").read_text()
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE)
    for name in open_to_all:
        assert engines[name]["ports"] == [f"{exposed}:{exposed}"]


def test_the_images_are_built_from_what_is_here(engines):
    for service in engines.values():
        build = service["build"]
        context = (FILE.parent / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]).is_file()
    dockerfile = (ROOT / "addon/Dockerfile").read_text()
    assert {"postgres", "redis"} <= set(re.findall(r"--extra ([a-z]+)", dockerfile))
    extras = (ROOT / "pyproject.toml").read_text()
    for service in engines.values():
        accelerator = service["build"].get("args", {}).get("ACCELERATOR", "cpu")
        assert re.search(rf"^{accelerator} = \[", extras, re.MULTILINE)


def test_the_node_that_looks_has_the_graphics_card(engines):
    for service in engines.values():
        reserved = service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices", [])
        assert bool(reserved) == ("detect" in settings_of(service).roles)


def test_redis_keeps_what_it_has_and_never_throws_jobs_out(compose):
    command = compose["services"]["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


@pytest.mark.parametrize(
    ("roles", "asked"), [(None, "curl"), ("ingest, api", "curl"), ("detect,assess", "home-sentry")]
)
@pytest.mark.parametrize("well", [True, False])
def test_the_image_asks_the_api_and_without_one_the_heartbeat(roles, asked, well, tmp_path):
    dockerfile = (ROOT / "addon/Dockerfile").read_text().replace("\\\n", " ")
    (check,) = re.findall(r"^HEALTHCHECK [^\n]*?CMD (.*)$", dockerfile, re.MULTILINE)
    for name in ("curl", "home-sentry"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/asked\nexit {0 if well else 1}\n')
        program.chmod(0o755)
    environment = {"PATH": str(tmp_path)} | ({"HOME_SENTRY_ROLES": roles} if roles is not None else {})
    done = subprocess.run(["/bin/sh", "-c", check], env=environment, check=False)
    assert (done.returncode == 0) is well
    calls = (tmp_path / "asked").read_text().splitlines()
    assert {call.split()[0] for call in calls} == {asked}
    assert calls[-1].endswith("/health") if asked == "curl" else calls == ["home-sentry health"]


def test_a_node_without_an_api_is_known_by_its_heartbeat(engines):
    for service in engines.values():
        check = service.get("healthcheck")
        if "api" in settings_of(service).roles:
            assert check is None, "the image's own check asks the API"
        else:
            assert check["test"] == ["CMD", "home-sentry", "health"]
            assert not check.get("disable")


def test_engines_get_longer_to_stop_than_they_need(engines):
    for service in engines.values():
        assert int(service["stop_grace_period"].removesuffix("s")) > 10


def test_no_service_is_root_or_could_become_it_and_none_writes_into_its_image(compose, engines):
    dockerfile = (ROOT / "addon/Dockerfile").read_text()
    (own,) = re.findall(r"useradd .*--uid (\d+)", dockerfile)
    for name, service in compose["services"].items():
        assert service["user"] == (f"{own}:{own}" if name in engines else name)
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "uts", "devices"} & set(service)
        assert not any("docker.sock" in volume for volume in service["volumes"])
    for service in engines.values():
        assert service["entrypoint"][:2] == ["home-sentry", "serve"]
        assert service["environment"]["HOME"] == "/data"
        # a new volume gets the owner of what lies at its place in the image
        made = re.search(r"install -d -o sentry -g sentry (.*)$", dockerfile, re.MULTILINE)
        assert made is not None
        assert {place for place in mounts(service) if place != "/cameras"} == set(made.group(1).split())


@pytest.mark.parametrize(("given", "mode"), [({}, "ro"), ({"CAMERAS_ACCESS": "rw"}, "rw")])
def test_uploads_cannot_be_written_unless_the_owner_lets_masks_replace_them(engines, monkeypatch, given, mode):
    monkeypatch.setattr(f"{__name__}.GIVEN", GIVEN | given)
    services = yaml.safe_load(filled(FILE.read_text(encoding="utf-8")))["services"]
    modes = {name: [one.split(":")[2:] for one in services[name]["volumes"] if ":/cameras" in one] for name in engines}
    assert modes == {"front": [[mode]], "gpu": [["ro"]]}
