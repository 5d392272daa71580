"""A real Home Assistant in a folder of its own that never reaches for the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any, Final
import uuid

from aiohttp import ClientSession

from .errors import DemoError
from .patience import until
from .processes import Launch
from .web import Refusal, Silent, Web

USER: Final = "demo"
PASSWORD: Final = "demo"  # noqa: S105
DOMAIN: Final = "home_sentry"

_START_S: Final = 600.0
_ANSWER_S: Final = 60.0
# these steps of the onboarding would set up weather, radio and the like from the internet
_STEPS_LEFT_OUT: Final = ["core_config", "analytics"]
_CONFIGURATION: Final = """\
homeassistant:
  name: Home Sentry demo
  time_zone: UTC
  country: GB
  currency: EUR
  unit_system: metric
frontend:
config:
history:
logbook:
recorder:
  commit_interval: 1
repairs:
logger:
  default: warning
  logs:
    custom_components.home_sentry: info
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a Home Assistant lives: its folder, its port, its program and the integration's source."""

    folder: Path
    port: int
    program: Path
    integration: Path
    log: Path

    @property
    def url(self) -> str:
        """Address for a browser."""
        return f"http://127.0.0.1:{self.port}"


def prepare(place: Place) -> None:
    """Write what Home Assistant needs before its first start."""
    storage = place.folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    (place.folder / "configuration.yaml").write_text(_CONFIGURATION, encoding="utf-8")
    components = place.folder / "custom_components"
    components.mkdir(exist_ok=True)
    link = components / DOMAIN
    if not link.is_symlink():
        link.symlink_to(place.integration.resolve(), target_is_directory=True)
    # the address comes from here: from the YAML file it would be a trial that is undone after five minutes
    http = {"stable": _http(place.port), "pending": None, "yaml_migration_done": True}
    _store(storage, "http", http, version=2, minor=2)
    if not (storage / "onboarding").exists():
        _store(storage, "onboarding", {"done": _STEPS_LEFT_OUT}, version=4, minor=1)


def _http(port: int) -> dict[str, Any]:
    return {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": False,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": datetime.now(UTC).isoformat(),
        "error": None,
        "error_message": None,
    }


def _store(storage: Path, key: str, data: Mapping[str, Any], *, version: int, minor: int) -> None:
    document = {"version": version, "minor_version": minor, "key": key, "data": data}
    (storage / key).write_text(json.dumps(document), encoding="utf-8")


def launch(place: Place, environment: Mapping[str, str]) -> Launch:
    """Say how to start it: nothing is installed or downloaded at its start."""
    kept = {
        name: value
        for name, value in environment.items()
        if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"} and not name.startswith("HOME_SENTRY_")
    }
    return Launch(
        name="Home Assistant",
        command=(str(place.program), "--config", str(place.folder), "--skip-pip", "--log-no-color"),
        environment=kept,
        log=place.log,
        stop_s=30.0,
    )


class Home:
    """A running Home Assistant, as its own frontend would talk to it."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session = session
        self._web = Web(session, url)
        self._client_id = f"{url}/"

    @property
    def url(self) -> str:
        """Address for a browser."""
        return self._web.url

    async def enter(self, say: Any = None) -> None:
        """Wait until it answers, then make the user ``demo`` the first time, log in later."""
        steps = await until(self._onboarding, what="Home Assistant starts", deadline_s=_START_S, say=say)
        if all(step["done"] for step in steps if step["step"] == "user"):
            code = await self._log_in()
        else:
            code = await self._make_user()
        grant = await self._web.post_form(
            "/auth/token", {"grant_type": "authorization_code", "code": code, "client_id": self._client_id}
        )
        self._web.token = str(grant["access_token"])
        if not all(step["done"] for step in steps):
            await self._web.post(
                "/api/onboarding/integration", {"client_id": self._client_id, "redirect_uri": self._client_id}
            )

    async def is_running(self) -> bool:
        """Tell whether its start is complete."""
        return str((await self._web.get("/api/config"))["state"]) == "RUNNING"

    async def entry_id(self) -> str | None:
        """Give the id of the integration's entry, None before it is set up."""
        entries = await self._web.get("/api/config/config_entries/entry")
        return next((str(entry["entry_id"]) for entry in entries if entry["domain"] == DOMAIN), None)

    async def connect_engine(self, url: str, token: str) -> None:
        """Walk the integration's own config flow; an entry that exists is taken through its reconfigure step."""
        start: dict[str, Any] = {"handler": DOMAIN}
        entry_id = await self.entry_id()
        if entry_id:
            start["entry_id"] = entry_id
        step = await self._web.post("/api/config/config_entries/flow", start)
        known = {"url": url, "token": token, "verify_ssl": False}
        if step["type"] == "form":
            names = [field["name"] for field in step["data_schema"]]
            answers = {name: known[name] for name in names if name in known}
            step = await self._web.post(f"/api/config/config_entries/flow/{step['flow_id']}", answers)
        done = step["type"] == "create_entry" or step.get("reason") == "reconfigure_successful"
        if not done:
            raise DemoError(f"the config flow did not finish: {step.get('errors') or step.get('reason') or step}")

    async def states(self) -> dict[str, dict[str, Any]]:
        """Give all states by entity id."""
        return {state["entity_id"]: state for state in await self._web.get("/api/states")}

    async def history(self, entity_id: str, since: datetime) -> list[dict[str, Any]]:
        """Give the recorded states of one entity since a time, with attributes."""
        found = await self._web.get(
            f"/api/history/period/{since.isoformat()}",
            filter_entity_id=entity_id,
            end_time=(datetime.now(UTC) + timedelta(minutes=1)).isoformat(),
            significant_changes_only="0",
        )
        return list(found[0]) if found else []

    async def entities(self) -> dict[str, str]:
        """Give the entity ids of the integration by their unique ids."""
        (listed,) = await self.ask({"type": "config/entity_registry/list"})
        return {str(one["unique_id"]): str(one["entity_id"]) for one in listed if one["platform"] == DOMAIN}

    async def ask(self, *commands: Mapping[str, Any]) -> list[Any]:
        """Send commands over its WebSocket and give their results; raises ``Refusal``."""
        results = []
        async with self._session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0) as socket:
            await socket.receive_json(timeout=_ANSWER_S)
            await socket.send_json({"type": "auth", "access_token": self._web.token})
            await socket.receive_json(timeout=_ANSWER_S)
            for number, command in enumerate(commands, start=1):
                await socket.send_json({"id": number, **command})
                answer = await socket.receive_json(timeout=_ANSWER_S)
                if not answer.get("success"):
                    raise Refusal(400, f"{command['type']}: {answer.get('error')}")
                results.append(answer["result"])
        return results

    async def _onboarding(self) -> list[dict[str, Any]] | None:
        try:
            return list(await self._web.get("/api/onboarding"))
        except Silent:
            return None
        except Refusal as err:
            # everything is done, so the address is gone
            if err.status == 404:
                return []
            raise

    async def _make_user(self) -> str:
        made = await self._web.post(
            "/api/onboarding/users",
            {"name": "Demo", "username": USER, "password": PASSWORD, "client_id": self._client_id, "language": "en"},
        )
        return str(made["auth_code"])

    async def _log_in(self) -> str:
        flow = await self._web.post(
            "/auth/login_flow",
            {
                "client_id": self._client_id,
                "handler": ["homeassistant", None],
                "redirect_uri": f"{self._client_id}?{uuid.uuid4().hex}",
            },
        )
        step = await self._web.post(
            f"/auth/login_flow/{flow['flow_id']}",
            {"client_id": self._client_id, "username": USER, "password": PASSWORD},
        )
        if step["type"] != "create_entry":
            raise DemoError("Home Assistant refused the login demo/demo; start without --keep")
        return str(step["result"])
