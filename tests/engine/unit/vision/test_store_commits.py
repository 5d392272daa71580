"""What a branch held when a model was fetched first is what the engine stays with."""

from dataclasses import dataclass, field, replace
import hashlib
import json

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from home_sentry_engine.settings import ModelSettings
from home_sentry_engine.vision.catalog import Card, CardFile, Source, Task
from home_sentry_engine.vision.store import HashMismatch, ModelMissing, ModelStore
from home_sentry_engine.vision.store import download as download_module

OLD, NEW = "a" * 40, "b" * 40
WEIGHTS, WORDS = b"\x08\x07weights of %s", b'{"words": "%s"}'


@dataclass
class Hub:
    """Serves as Hugging Face does: the branch sends on to a place that tells no commit; ``head`` is its newest."""

    head: str = OLD
    linked: bool = True
    damaged: bool = False
    commits: set[str] = field(default_factory=lambda: {OLD, NEW})
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def file(self, name: str, commit: str) -> bytes:
        return (WORDS if name.endswith(".json") else WEIGHTS) % commit[:1].encode()

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        revision, name = request.match_info["revision"], request.match_info["name"]
        self.asked.append(f"{revision}/{name}")
        commit = self.head if revision == "main" else revision
        if commit not in self.commits:
            return web.Response(status=404)
        headers = {"X-Repo-Commit": commit, "Location": f"/blob/{commit}/{name}"}
        if self.linked:
            headers["X-Linked-ETag"] = f'"{hashlib.sha256(self.file(name, commit)).hexdigest()}"'
        return web.Response(status=302, headers=headers)

    async def blob(self, request: web.Request) -> web.StreamResponse:
        body = self.file(request.match_info["name"], request.match_info["commit"])
        return web.Response(body=body[:-1] + b"?" if self.damaged else body)


@pytest.fixture
async def hub(monkeypatch):
    made, app = Hub(), web.Application()
    app.router.add_get("/a/b/resolve/{revision}/{name}", made.resolve)
    app.router.add_get("/blob/{commit}/{name}", made.blob)
    monkeypatch.setattr(download_module, "_RETRY_S", 0.01)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        plain = Source.url

        def url(source, path):
            return str(plain(source, path)).replace("https://huggingface.co", made.url)

        monkeypatch.setattr(Source, "url", url)
        yield made


def card(*names: str, revision: str = "main", sha256: str | None = None) -> Card:
    return Card(
        id="two",
        name="Two",
        task=Task.DETECT,
        contract="yolox",
        licence="MIT",
        source=Source(host="huggingface", repository="a/b", revision=revision),
        files=tuple(CardFile(name=name, path=name, size_bytes=None, sha256=sha256) for name in names),
    )


def store(folder, **more) -> ModelStore:
    return ModelStore(ModelSettings(folder=folder, disk_floor_bytes=0, download_timeout_s=60.0, **more))


def kept(folder):
    return json.loads((folder / "models.lock.json").read_text())


async def test_the_first_download_pins_commit_and_hash(hub, tmp_path):
    await store(tmp_path).fetch(card("net.onnx"))
    assert hub.asked == ["main/net.onnx"]
    assert kept(tmp_path)["commits"] == {"huggingface:a/b@main": OLD}
    assert kept(tmp_path)["pins"]["net.onnx"]["sha256"] == hashlib.sha256(hub.file("net.onnx", OLD)).hexdigest()


async def test_what_comes_later_comes_from_that_commit_though_the_branch_moved(hub, tmp_path):
    await store(tmp_path).fetch(card("net.onnx"))
    hub.head = NEW
    (tmp_path / "two" / "net.onnx").unlink()
    both = await store(tmp_path).fetch(card("net.onnx", "tokenizer.json"))
    assert hub.asked[1:] == [f"{OLD}/net.onnx", f"{OLD}/tokenizer.json"]
    assert both.paths["net.onnx"].read_bytes() == hub.file("net.onnx", OLD)
    assert both.paths["tokenizer.json"].read_bytes() == b'{"words": "a"}'


async def test_a_known_hash_pins_the_commit_for_the_files_beside_it(hub, tmp_path):
    known = card("net.onnx", sha256=hashlib.sha256(hub.file("net.onnx", OLD)).hexdigest())
    beside = card("words.json")
    await store(tmp_path).fetch(replace(known, files=(*known.files, *beside.files)))
    assert hub.asked == ["main/net.onnx", f"{OLD}/words.json"]
    assert set(kept(tmp_path)["pins"]) == {"words.json"}


async def test_removing_a_model_takes_the_pins_along_and_the_next_fetch_what_is_newest(hub, tmp_path):
    models = store(tmp_path)
    await models.fetch(card("net.onnx"))
    hub.head = NEW
    await models.remove(card("net.onnx"))
    fetched = await models.fetch(card("net.onnx"))
    assert fetched.main.read_bytes() == hub.file("net.onnx", NEW)
    assert kept(tmp_path)["commits"] == {"huggingface:a/b@main": NEW}


async def test_a_commit_that_is_gone_is_no_reason_to_take_another(hub, tmp_path):
    await store(tmp_path).fetch(card("net.onnx"))
    hub.head, hub.commits = NEW, {NEW}
    (tmp_path / "two" / "net.onnx").unlink()
    with pytest.raises(ModelMissing, match=r"has no net\.onnx"):
        await store(tmp_path).fetch(card("net.onnx"))


async def test_bytes_other_than_the_hub_announced_pin_nothing(hub, tmp_path):
    hub.damaged = True
    with pytest.raises(HashMismatch, match="it was deleted"):
        await store(tmp_path).fetch(card("net.onnx"))
    assert not (tmp_path / "models.lock.json").exists()
    assert not list((tmp_path / "two").iterdir())


async def test_a_card_that_names_a_commit_and_a_mirror_pin_no_other(hub, tmp_path):
    await store(tmp_path / "named").fetch(card("net.onnx", revision=NEW))
    assert hub.asked == [f"{NEW}/net.onnx"]
    assert kept(tmp_path / "named")["commits"] == {}
    hub.linked = False
    await store(tmp_path / "mirrored", mirror=f"{hub.url}/a/b/resolve/main").fetch(card("net.onnx"))
    assert kept(tmp_path / "mirrored")["commits"] == {}


async def test_a_lock_file_of_before_is_read(hub, tmp_path):
    await store(tmp_path).fetch(card("net.onnx"))
    old = kept(tmp_path)
    del old["commits"]
    (tmp_path / "models.lock.json").write_text(json.dumps(old))
    (tmp_path / "two" / "net.onnx").unlink()
    hub.head = NEW
    with pytest.raises(HashMismatch):
        await store(tmp_path).fetch(card("net.onnx"))
