"""S2: with two cameras and real pictures, a key for one of them learns nothing of the other, whatever it asks."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
import io
import json
from pathlib import Path
import time
from typing import Any, Final

import aiohttp
from PIL import Image
import pytest

from home_sentry_engine.api.limits import RateLimiter
from home_sentry_engine.api.server import ApiServer
from home_sentry_engine.app.engine import Engine
from home_sentry_engine.contract import Auth, Command, Factor, Identity, encode, to_plain
from home_sentry_engine.settings import load_settings
from home_sentry_engine.storage.schema import events
from tests.fakes.api import GENEROUS

OWN: Final = "front_door"
FOREIGN: Final = "rose_garden"
NAME: Final = "Rose Garden"
WORDS: Final = (FOREIGN, NAME.casefold())
QUICK: Final = {
    "batch_window_seconds": 3,
    "batch_idle_timeout_seconds": 1,
    "batch_check_interval_seconds": 0.2,
    "port": 0,
    "zeroconf": False,
    "llm": False,
}
# the socket is asked apart, and the document of the API says nothing of this home
_SKIPPED: Final = frozenset({"connect", "get_openapi"})


_QUIET_S: Final = 1.0
_LONG_S: Final = 60.0


def types(messages: list[dict[str, Any]]) -> set[str]:
    """Give what kinds of messages came."""
    return {one["type"] for one in messages}


def person(test_media: Path, shade: int) -> bytes:
    """Give a picture of a person; each shade is another file."""
    with Image.open(test_media / "images/misc/darknet_person.jpg") as source:
        image = source.convert("RGB")
    image.putpixel((0, 0), (shade, 0, 0))
    made = io.BytesIO()
    image.save(made, "JPEG", quality=90)
    return made.getvalue()


@asynccontextmanager
async def running(folder: Path, mirror: Path) -> AsyncGenerator[Engine]:
    settings = load_settings(data=folder, environment={"HOME_SENTRY_MODEL_MIRROR": str(mirror)}, overrides=QUICK)
    async with Engine(settings) as engine:
        task = asyncio.create_task(engine.run())
        try:
            yield engine
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Client:
    """Asks with one key and remembers everything that came back as text."""

    def __init__(self, session: aiohttp.ClientSession, token: str) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}
        self.token = token
        self.heard: list[str] = []

    async def ask(self, method: str, path: str, **how: Any) -> tuple[int, Any]:
        how["headers"] = self._headers | how.get("headers", {})
        async with self._session.request(method, path, **how) as response:
            body = await response.read()
            self.heard += [str(response.headers), "" if body.startswith(b"\xff\xd8") else body.decode(errors="replace")]
            is_json = response.content_type.endswith("json")
            return response.status, json.loads(body) if is_json else body

    async def connect(self, since: int | None = None) -> aiohttp.ClientWebSocketResponse:
        socket = await self._session.ws_connect("/api/v1/ws")
        await socket.send_str(encode(Auth(token=self.token, since=since, types=())).decode())
        return socket

    async def listen(
        self, socket: aiohttp.ClientWebSocketResponse, enough: Callable[[list[dict[str, Any]]], object]
    ) -> list[dict[str, Any]]:
        """Give what comes until it is enough and nothing more has come for a while, the status left out."""
        found: list[dict[str, Any]] = []
        while True:
            try:
                async with asyncio.timeout(_QUIET_S if enough(found) else _LONG_S):
                    frame = await socket.receive()
            except TimeoutError:
                assert enough(found), [one["type"] for one in found]
                return found
            assert frame.type is aiohttp.WSMsgType.TEXT, frame
            self.heard.append(frame.data)
            message = json.loads(frame.data)
            if message["type"] not in {"system_status", "service_status"}:
                found.append(message)


@pytest.fixture
async def engine(tmp_path: Path, model_mirror: Path) -> AsyncGenerator[Engine]:
    async with running(tmp_path, model_mirror) as opened:
        # a minute's worth of requests is not enough to ask for everything
        server_of(opened)._limiter = RateLimiter(GENEROUS, time.monotonic)
        yield opened


async def seen_by_both(owner: Client, test_media: Path) -> dict[str, Any]:
    """Make two cameras, let each see a person, and give their finished events by camera."""
    for camera_id, name in ((OWN, "Front Door"), (FOREIGN, NAME)):
        assert (await owner.ask("POST", "/api/v1/cameras", json={"name": name}))[0] == 201
        await upload(owner, camera_id, person(test_media, 1 + (camera_id == OWN)))
    async with asyncio.timeout(200):
        while True:
            _, page = await owner.ask("GET", "/api/v1/events")
            if sum(bool(one["ended_at"]) and one["analysis_state"] == "rules" for one in page["items"]) == 2:
                return {one["camera_id"]: one for one in page["items"]}
            await asyncio.sleep(0.2)


async def upload(client: Client, camera_id: str, picture: bytes) -> int:
    path, kind = f"/api/v1/cameras/{camera_id}/frames", {"Content-Type": "image/jpeg"}
    return (await client.ask("POST", path, data=picture, headers=kind))[0]


async def gossip(engine: Engine, event: dict[str, Any]) -> None:
    """Let an event say of the other camera whatever an event can say."""
    told = f"A person stands at the door. A minute ago somebody was in the {NAME}."
    same = Identity(kind="person", finding="probable same subject", camera_id=FOREIGN, seen_at=None, similarity=0.9)
    reason = Factor(id="cross_camera", points=5, text="people elsewhere too", evidence=(f"camera:{NAME}",))
    values: dict[str, Any] = {"factors": [to_plain(reason)]}
    values |= {"summary": told, "reasoning": told, "recommended_action": told, "identities": [to_plain(same)]}
    chosen = events.update().where(events.c.id == event["event_id"])
    await engine.database.write(lambda conn: conn.execute(chosen.values(**values)))


async def secrets_of(owner: Client) -> set[str]:
    """Give the ids and hashes of everything that belongs to the other camera."""
    _, media = await owner.ask("GET", f"/api/v1/media?camera={FOREIGN}")
    _, found = await owner.ask("GET", f"/api/v1/events?camera={FOREIGN}")
    names = {one[name] for one in media["items"] for name in ("id", "sha256")}
    names |= {one[name] for one in found["items"] for name in ("event_id", "batch_id", "media_id")}
    assert len(names) >= 4
    return names


def server_of(engine: Engine) -> ApiServer:
    server = engine._server
    assert isinstance(server, ApiServer)
    return server


def routes_of(engine: Engine) -> dict[str, str]:
    routes = server_of(engine).routes
    return {route.name: route.path for route in routes if route.method == "GET" and route.name not in _SKIPPED}


def filled(path: str, ids: dict[str, Any]) -> str:
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path


async def things_of(owner: Client, event: dict[str, Any]) -> dict[str, Any]:
    _, found = await owner.ask("GET", f"/api/v1/detections?event={event['event_id']}")
    return {
        "camera_id": event["camera_id"],
        "event_id": event["event_id"],
        "media_id": event["media_id"],
        "detection_id": found["items"][0]["id"],
    }


@pytest.mark.timeout(600)
async def test_a_key_for_one_camera_learns_nothing_of_the_other(engine, test_media):
    token = (engine.settings.data / "token").read_text().strip()
    async with aiohttp.ClientSession(engine.url) as session:
        owner = Client(session, token)
        both = await seen_by_both(owner, test_media)
        own, foreign = [await things_of(owner, both[camera_id]) for camera_id in (OWN, FOREIGN)]
        await gossip(engine, both[OWN])
        _, made = await owner.ask(
            "POST", "/api/v1/system/keys", json={"name": "guest", "role": "operator", "cameras": [OWN]}
        )
        guest = Client(session, made["token"])
        secrets = {*await secrets_of(owner), *WORDS}

        await ask_everything(engine, guest, own, foreign)
        await ask_for_lists(guest)
        assert await upload(guest, FOREIGN, person(test_media, 9)) == 404
        assert await upload(guest, OWN, person(test_media, 10)) == 202
        await ask_by_socket(guest, own, foreign)
        await follow(owner, guest, test_media)

        told = "\n".join(guest.heard).casefold()
        assert [secret for secret in secrets if secret in told] == []
        assert {secret for secret in secrets if secret in "\n".join(owner.heard).casefold()} == secrets


async def ask_everything(engine: Engine, guest: Client, own: dict[str, Any], foreign: dict[str, Any]) -> None:
    answered = 0
    for name, path in routes_of(engine).items():
        mine, other = filled(path, own), filled(path, foreign)
        if "{" in mine:
            continue
        status, _ = await guest.ask("GET", mine, params={"q": "person"} if name == "search_events" else None)
        assert status in {200, 403, 404, 503}, (name, status)
        answered += status == 200
        if mine != other:
            assert (await guest.ask("GET", other))[0] in {403, 404}, name
    assert answered > 20


async def ask_for_lists(guest: Client) -> None:
    for path, field in (
        ("cameras", "id"),
        ("events", "camera_id"),
        ("media", "camera_id"),
        ("detections", "camera_id"),
        ("events/search?q=person", "camera_id"),
    ):
        sign = "&" if "?" in path else "?"
        total = "" if path == "cameras" else f"{sign}total=true"
        status, page = await guest.ask("GET", f"/api/v1/{path}{total}")
        assert (status, {one[field] for one in page["items"]}) == (200, {OWN}), path
        assert page["total"] == len(page["items"])
        if path != "cameras":
            _, nothing = await guest.ask("GET", f"/api/v1/{path}{sign}camera={FOREIGN}")
            assert nothing["items"] == [], path
    _, stats = await guest.ask("GET", "/api/v1/events/stats")
    assert (stats["total"], stats["by_camera"]) == (1, {OWN: 1})
    _, status = await guest.ask("GET", "/api/v1/status")
    assert (status["cameras_total"], status["accounting"], status["queues"]) == (1, None, [])
    _, found = await guest.ask("GET", "/api/v1/events")
    assert found["items"][0]["summary"] == "A person stands at the door."
    assert (found["items"][0]["identities"], found["items"][0]["factors"]) == ([], [])


async def ask_by_socket(guest: Client, own: dict[str, Any], foreign: dict[str, Any]) -> None:
    socket = await guest.connect()
    ask = 0
    for name, args in (
        *((name, {}) for name in ("get_status", "list_cameras", "list_events", "list_rejections", "list_trash")),
        ("search_events", {"q": "person"}),
        *(
            (name, {field: things[field]})
            for things in (own, foreign)
            for name, field in (
                ("get_camera", "camera_id"),
                ("get_event", "event_id"),
                ("list_event_detections", "event_id"),
                ("list_zones", "camera_id"),
                ("list_masks", "camera_id"),
            )
        ),
    ):
        ask += 1
        await socket.send_str(encode(Command(id=ask, name=name, args=args)).decode())
    messages = await guest.listen(socket, lambda found: sum(one["type"] == "result" for one in found) == ask)
    snapshot = next(one for one in messages if one["type"] == "snapshot")
    assert [one["id"] for one in snapshot["cameras"]] == [OWN]
    assert {one["camera_id"] for one in snapshot["events"]} == {OWN}
    assert snapshot["caller"]["cameras"] == [OWN]
    results = {one["id"]: one["ok"] for one in messages if one["type"] == "result"}
    assert [results[number] for number in range(1, ask + 1)] == [True] * 11 + [False] * 5
    await socket.close()


async def follow(owner: Client, guest: Client, test_media: Path) -> None:
    """Hear what happens, as it happens and again from the beginning."""
    live = await guest.connect()
    await guest.listen(live, lambda found: "snapshot" in types(found))
    for shade, camera_id in ((20, FOREIGN), (30, OWN)):
        await upload(owner, camera_id, person(test_media, shade))
    heard = await guest.listen(live, lambda found: "detections_added" in types(found))
    told = {"event_created", "event_updated", "camera_changed"}
    again = await guest.listen(
        await guest.connect(since=0), lambda found: told <= types(found) and len(heard) < len(found)
    )
    for one in (*heard, *again):
        inner = one.get("event") or one.get("change") or one
        assert one["type"] in {"hello", "snapshot", "camera_changed"} or inner["camera_id"] == OWN, one["type"]
    await live.close()
