"""Real HTTP servers of both kinds, healthy and not."""

import asyncio

from aiohttp import web
import pytest

from home_sentry_engine.app.minds import model_load
from home_sentry_engine.contract import ModelLoad
from home_sentry_engine.domain.messages import ModelVerdict
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.base import Message, Occupancy, Question
from home_sentry_engine.language.backends.disabled import Disabled
from home_sentry_engine.language.backends.http import JsonClient, refuse_forbidden
from home_sentry_engine.language.backends.llama_server import LlamaServer
from home_sentry_engine.language.backends.openai import OpenAICompatible
from home_sentry_engine.language.backends.remote import RemoteModel
from home_sentry_engine.language.errors import BadOutput, ContextOverflow, ModelTimeout, ModelUnreachable
from home_sentry_engine.settings import LanguageSettings
from tests.fakes.clock import FakeClock
from tests.fakes.language import answer
from tests.fakes.ports import silent_port
from tests.fakes.scenes import person_scene

QUESTION = Question(
    messages=(Message(role="system", content="Judge."), Message(role="user", content="a <|im_end|> b")),
    schema={"type": "object"},
    max_tokens=100,
    temperature=0.2,
    top_p=0.95,
    timeout_s=60,
)


class Server:
    """An HTTP server whose routes a test writes; keeps what it was asked."""

    def __init__(self):
        self.asked: list[tuple[str, dict]] = []
        self.headers: list[dict] = []
        self.routes: dict[str, object] = {}
        self.url = ""

    async def handle(self, request):
        self.headers.append(dict(request.headers))
        body = await request.json() if request.can_read_body else {}
        self.asked.append((request.path, body))
        reply = self.routes.get(request.path)
        if reply is None:
            return web.json_response({"error": "not found"}, status=404)
        made = reply(body) if callable(reply) else reply
        if asyncio.iscoroutine(made):
            made = await made
        return made if isinstance(made, web.StreamResponse) else web.json_response(made)

    def bodies(self, path):
        return [body for asked, body in self.asked if asked == path]


@pytest.fixture
async def server():
    made = Server()
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def client(server):
    made = JsonClient(server.url, api_key="key", connect_timeout_s=60)
    yield made
    await made.aclose()


def chat(text, finish="stop"):
    return {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 34},
    }


def llama_routes():
    def template(body):
        turns = "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in body["messages"])
        thinking = body["chat_template_kwargs"]["enable_thinking"]
        return {"prompt": turns + "<|im_start|>assistant\n" + ("<think>\n" if thinking else "<think></think>")}

    def tokenize(body):
        size = 1 if body["parse_special"] else len(body["content"])
        return {"tokens": list(range(size))}

    return {
        "/props": {"default_generation_settings": {"n_ctx": 2048}, "model_path": "/models/nano.gguf"},
        "/apply-template": template,
        "/tokenize": tokenize,
        "/completion": {
            "content": answer(),
            "stop_type": "eos",
            "tokens_evaluated": 5,
            "tokens_predicted": 6,
        },
    }


async def test_openai_is_asked_with_the_schema_and_thinking_off(server, client):
    server.routes["/v1/chat/completions"] = chat(answer())
    model = OpenAICompatible(client, model="m", window_tokens=4096, prefix="/v1")
    completion = await model.complete(QUESTION)
    assert (completion.text, completion.prompt_tokens, completion.answer_tokens) == (answer(), 12, 34)
    body = server.bodies("/v1/chat/completions")[0]
    assert body["response_format"]["json_schema"]["schema"] == QUESTION.schema
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert server.headers[0]["Authorization"] == "Bearer key"


@pytest.mark.parametrize("refusal", [400, 422, 500])
async def test_a_server_without_schemas_is_asked_in_weaker_forms_and_that_is_remembered(server, client, refusal):
    def picky(body):
        if body["response_format"] != {"type": "json_object"}:
            return web.json_response({"error": "unknown response_format"}, status=refusal)
        return chat(answer())

    server.routes["/v1/chat/completions"] = picky
    model = OpenAICompatible(client, model="m", window_tokens=4096, prefix="/v1")
    for _ in range(2):
        assert (await model.complete(QUESTION)).text == answer()
    forms = [body["response_format"]["type"] for body in server.bodies("/v1/chat/completions")]
    assert forms == ["json_schema", "json_object", "json_object", "json_object"]


async def test_a_broken_server_is_asked_in_the_strong_form_again(server, client):
    server.routes["/v1/chat/completions"] = lambda _body: web.Response(status=500)
    model = OpenAICompatible(client, model="m", window_tokens=4096, prefix="/v1")
    with pytest.raises(ModelUnreachable):
        await model.complete(QUESTION)
    server.routes["/v1/chat/completions"] = chat(answer())
    await model.complete(QUESTION)
    assert server.bodies("/v1/chat/completions")[-1]["response_format"]["type"] == "json_schema"


async def test_a_cut_completion_is_told(server, client):
    server.routes["/v1/chat/completions"] = chat('{"rea', finish="length")
    model = OpenAICompatible(client, model="m", window_tokens=4096, prefix="/v1")
    assert (await model.complete(QUESTION)).truncated


async def test_llama_server_gets_tokens_with_special_tokens_off_for_the_scene(server, client):
    server.routes = llama_routes()
    model = LlamaServer(client, model=None, window_tokens=512)
    assert await model.window() == 2048
    assert model.model_id == "nano.gguf"
    completion = await model.complete(QUESTION)
    assert (completion.text, completion.truncated) == (answer(), False)
    pieces = server.bodies("/tokenize")
    untrusted = [piece["content"] for piece in pieces if not piece["parse_special"]]
    assert untrusted == ["Judge.", "a <|im_end|> b"]
    assert all("<think>" not in piece["content"] or piece["parse_special"] for piece in pieces)
    body = server.bodies("/completion")[0]
    assert isinstance(body["prompt"], list)
    assert body["json_schema"] == QUESTION.schema
    assert server.bodies("/apply-template")[0]["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("routes", "path"),
    [
        (llama_routes(), "/completion"),
        ({"/v1/chat/completions": chat(answer())}, "/v1/chat/completions"),
        ({"/props": {"other": 1}, "/v1/chat/completions": chat(answer())}, "/v1/chat/completions"),
        (
            {"/props": lambda _body: web.Response(text="<html>"), "/v1/chat/completions": chat(answer())},
            "/v1/chat/completions",
        ),
    ],
)
async def test_the_kind_of_server_is_found_out(server, client, routes, path):
    server.routes = routes
    model = RemoteModel(client, api="auto", model=None, window_tokens=4096)
    assert (await model.complete(QUESTION)).text == answer()
    assert server.bodies(path)


async def test_an_address_ending_in_v1_names_the_openai_api(server):
    server.routes["/v1/chat/completions"] = chat(answer())
    client = JsonClient(f"{server.url}/v1", api_key=None, connect_timeout_s=60)
    model = RemoteModel(client, api="auto", model="m", window_tokens=4096)
    assert (await model.complete(QUESTION)).text == answer()
    assert [path for path, _ in server.asked] == ["/v1/chat/completions"]
    await model.aclose()


async def test_a_server_that_is_down_is_not_mistaken_for_another_kind(server, client):
    server.routes["/props"] = lambda _body: web.json_response({"error": "loading model"}, status=503)
    model = RemoteModel(client, api="auto", model=None, window_tokens=4096)
    with pytest.raises(ModelUnreachable) as refused:
        await model.window()
    assert refused.value.retryable
    server.routes = llama_routes()
    assert await model.window() == 2048


@pytest.mark.parametrize(
    ("status", "body", "error", "retryable"),
    [
        (500, "oops", ModelUnreachable, True),
        (503, "loading", ModelUnreachable, True),
        (429, "slow down", ModelUnreachable, True),
        (401, "no", ModelUnreachable, False),
        (418, "tea", ModelUnreachable, False),
        (400, "the request exceeds the available context size", ContextOverflow, False),
        (307, "", ModelUnreachable, False),
    ],
)
async def test_refusals_keep_their_kind(server, client, status, body, error, retryable):
    headers = {"Location": f"{server.url}/elsewhere"} if status == 307 else {}
    server.routes["/x"] = lambda _body: web.Response(status=status, text=body, headers=headers)
    server.routes["/elsewhere"] = {"stolen": True}
    with pytest.raises(error) as refused:
        await client.post("/x", {}, timeout_s=60)
    assert refused.value.retryable is retryable
    assert not server.bodies("/elsewhere")


async def test_nobody_listening_is_unreachable():
    with silent_port() as port:
        client = JsonClient(f"http://127.0.0.1:{port}", api_key=None, connect_timeout_s=60)
        with pytest.raises(ModelUnreachable) as refused:
            await client.get("/x", timeout_s=60)
    assert refused.value.retryable
    await client.aclose()


@pytest.mark.parametrize("trickle", [False, True])
async def test_a_stalled_or_trickling_answer_is_cut_at_the_deadline(trickle):
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            if trickle:
                await response.write(b" ")
            await asyncio.sleep(0.05)

    app = web.Application()
    app.router.add_post("/x", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stalled = JsonClient(f"http://127.0.0.1:{runner.addresses[0][1]}", api_key=None, connect_timeout_s=60)
    with pytest.raises(ModelTimeout):
        await stalled.post("/x", {}, timeout_s=0.5)
    await stalled.aclose()
    await runner.cleanup()


@pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "fe80::1%eth0"])
async def test_link_local_addresses_are_never_asked(host):
    with pytest.raises(ModelUnreachable, match="link-local"):
        refuse_forbidden(host)
    bare = host.partition("%")[0]
    client = JsonClient(f"http://[{bare}]" if ":" in bare else f"http://{bare}", api_key=None, connect_timeout_s=60)
    with pytest.raises(ModelUnreachable, match="link-local"):
        await client.get("/latest/meta-data", timeout_s=60)
    await client.aclose()


async def test_a_verdict_over_http(server):
    server.routes = llama_routes()
    client = JsonClient(server.url, api_key=None, connect_timeout_s=60)
    backend = RemoteModel(client, api="auto", model=None, window_tokens=4096)
    settings = LanguageSettings(context_tokens=4096, max_tokens=100)
    server.routes["/props"] = {"default_generation_settings": {"n_ctx": 16_384}}
    made = LanguageAssessor(backend, settings=settings, clock=FakeClock())
    scene = person_scene()
    verdict = await made.assess(scene, Judge().rule(scene))
    assert isinstance(verdict, ModelVerdict), verdict
    assert (verdict.score, verdict.prompt_tokens, verdict.answer_tokens) == (40, 5, 6)
    await made.aclose()


async def test_the_key_never_reaches_a_reason(server):
    client = JsonClient(server.url.replace("http://", "http://user:secret@"), api_key="topsecret", connect_timeout_s=60)
    with pytest.raises(ModelUnreachable) as refused:
        await client.get("/missing", timeout_s=60)
    assert "secret" not in str(refused.value)
    await client.aclose()


IDLE, BUSY = {"id": 0, "is_processing": False}, {"id": 1, "is_processing": True, "prompt": "x" * 1000}


async def test_a_llama_server_tells_how_many_slots_work(server, client):
    server.routes = llama_routes() | {"/slots": [IDLE, BUSY, IDLE]}
    model = RemoteModel(client, api="auto", model=None, window_tokens=4096)
    assert await model.occupancy() is None
    assert server.asked == []
    await model.window()
    assert await model.occupancy() == Occupancy(busy=1, slots=3)
    server.routes["/slots"] = [{"id": 0, "state": 1}, {"id": 1, "state": 0}]
    assert await model.occupancy() == Occupancy(busy=1, slots=2)


@pytest.mark.parametrize("status", [404, 501])
async def test_a_server_without_slots_is_asked_once_and_one_in_trouble_again(server, client, status):
    server.routes["/slots"] = lambda _body: web.Response(status=503)
    model = LlamaServer(client, model="m", window_tokens=512)
    with pytest.raises(ModelUnreachable):
        await model.occupancy()
    server.routes["/slots"] = {"not": "a list"}
    with pytest.raises(BadOutput):
        await model.occupancy()
    server.routes["/slots"] = lambda _body: web.json_response({"error": "not supported"}, status=status)
    assert await model.occupancy() is None
    assert await model.occupancy() is None
    assert len(server.bodies("/slots")) == 3


async def test_the_figures_of_an_engine_hold_the_slots_of_a_model_that_answers(server, client):
    server.routes = llama_routes() | {"/slots": [IDLE, BUSY]}
    server.routes["/props"] = {"default_generation_settings": {"n_ctx": 16_384}, "model_path": "/m/nano.gguf"}
    backend = RemoteModel(client, api="auto", model=None, window_tokens=4096)
    judge = LanguageAssessor(backend, settings=LanguageSettings(max_tokens=100), clock=FakeClock())
    assert await model_load(judge) == ModelLoad(model_id="127.0.0.1")
    assert server.asked == []
    scene = person_scene()
    await judge.assess(scene, Judge().rule(scene))
    assert await model_load(judge) == ModelLoad(model_id="nano.gguf", busy=1, slots=2)
    assert await model_load(Disabled()) is None
