"""A server of a vision-language model that really looks at the pictures that arrive."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import io
import json
from typing import Any

from aiohttp import web
import numpy as np
from PIL import Image

from home_sentry_engine.language.canary import COLOURS

from .language import ANSWER

type Pixels = np.ndarray[Any, np.dtype[np.uint8]]
type Reply = Callable[[dict[str, Any], list[Pixels]], Any]


def seen(**changes: Any) -> dict[str, Any]:
    """Give a valid answer of a model that sees, with changes."""
    return {**ANSWER, "verdict": "confirmed", **changes}


def named(pixels: Pixels) -> dict[str, str]:
    """Name the one shape on white ground by its mean colour and how much of its box it fills."""
    inside = np.abs(pixels.astype(int) - 245).max(axis=2) > 60
    rows, columns = np.nonzero(inside)
    mean = pixels[inside].mean(axis=0)
    colour = min(COLOURS, key=lambda name: float(np.abs(np.array(COLOURS[name]) - mean).sum()))
    box = (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
    filled = inside.sum() / box
    return {"colour": colour, "shape": "square" if filled > 0.9 else "circle" if filled > 0.65 else "triangle"}


@dataclass
class SeeingServer:
    """What it saw and was told; ``reply`` makes the answer to everything but a drawn shape.

    ``sees`` False answers about shapes without a look, ``projector`` False refuses pictures as llama-server does.
    """

    reply: Reply = lambda _body, _pictures: seen()
    sees: bool = True
    projector: bool = True
    status: int = 200
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[list[Pixels]] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)

    @property
    def scenes(self) -> list[list[Pixels]]:
        """Pictures of each question that was not about a drawn shape."""
        pairs = zip(self.bodies, self.pictures, strict=True)
        return [pictures for body, pictures in pairs if "colour" not in _schema(body)["properties"]]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer ``/v1/chat/completions``."""
        body = await request.json()
        pictures = [self._decoded(part) for part in _pictures(body)]
        if self.status != 200:
            return web.json_response({"error": {"message": "busy"}}, status=self.status)
        if pictures and not self.projector:
            told = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
            return web.json_response({"error": {"code": 500, "message": told}}, status=500)
        self.bodies.append(body)
        self.pictures.append(pictures)
        if "colour" in _schema(body)["properties"]:
            said: Any = named(pictures[0]) if self.sees else {"colour": "red", "shape": "circle"}
        else:
            said = self.reply(body, pictures)
        text = said if isinstance(said, str) else json.dumps(said)
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return web.json_response({"choices": [choice], "usage": {"prompt_tokens": 900, "completion_tokens": 60}})

    def _decoded(self, url: str) -> Pixels:
        head, _, data = url.partition(",")
        assert head == "data:image/jpeg;base64"
        self.files.append(base64.b64decode(data, validate=True))
        return np.asarray(Image.open(io.BytesIO(self.files[-1])).convert("RGB"))


@asynccontextmanager
async def seeing_server(**changes: Any) -> AsyncIterator[SeeingServer]:
    """Serve on a free port."""
    server = SeeingServer(**changes)
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def _schema(body: dict[str, Any]) -> dict[str, Any]:
    return body["response_format"]["json_schema"]["schema"]


def _pictures(body: dict[str, Any]) -> list[str]:
    contents = [message["content"] for message in body["messages"] if isinstance(message["content"], list)]
    parts = [part for content in contents for part in content]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
