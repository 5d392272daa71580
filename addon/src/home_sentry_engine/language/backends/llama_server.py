"""A llama.cpp server: its own template, tokenizer and grammar, special tokens off for all that comes from a scene."""

from collections.abc import Sequence
from typing import Any, Final

from home_sentry_engine.language.errors import BadOutput, ModelUnreachable
from home_sentry_engine.language.segments import fenced, segments_of

from .base import Completion, Message, Occupancy, Question
from .http import JsonClient
from .openai import tokens_of

_SHORT_TIMEOUT_S: Final = 30.0
_GLANCE_S: Final = 2.0
# started with --no-slots, or an old server that was not started with --slots
_UNTOLD: Final = frozenset({401, 403, 404, 501})


class LlamaServer:
    """Backend over ``/props``, ``/apply-template``, ``/tokenize``, ``/completion`` and ``/slots``."""

    def __init__(self, client: JsonClient, *, model: str | None, window_tokens: int) -> None:
        """Take the connection, the name to show if the server tells none, and the window if it tells none."""
        self._client = client
        self._model = model or f"llama.cpp at {client.host}"
        self._named = model is not None
        self._fallback_window = window_tokens
        self._tells_slots = True

    @property
    def model_id(self) -> str:
        """Name of the model at the server."""
        return self._model

    async def window(self) -> int:
        """Give the window of one slot of the server."""
        props = await self._client.get("/props", timeout_s=_SHORT_TIMEOUT_S)
        settings = props.get("default_generation_settings")
        path = props.get("model_path")
        if isinstance(path, str) and path and not self._named:
            self._model = path.replace("\\", "/").rpartition("/")[2][:120]
        slots = settings.get("n_ctx") if isinstance(settings, dict) else None
        return slots if isinstance(slots, int) and slots > 0 else self._fallback_window

    async def count(self, messages: Sequence[Message]) -> int:
        """Count with the server's tokenizer."""
        return len(await self._tokens(messages))

    async def complete(self, question: Question) -> Completion:
        """Ask with tokens, so that no text of the scene can become a template token."""
        body = {
            "prompt": await self._tokens(question.messages),
            "json_schema": question.schema,
            "n_predict": question.max_tokens,
            "temperature": question.temperature,
            "top_p": question.top_p,
            "cache_prompt": True,
            "stream": False,
        }
        answer = await self._client.post("/completion", body, timeout_s=question.timeout_s)
        text = answer.get("content")
        if not isinstance(text, str):
            raise BadOutput("the server's answer holds no text")
        return Completion(
            text=text,
            truncated=answer.get("stop_type") == "limit" or answer.get("stopped_limit") is True,
            prompt_tokens=tokens_of(answer, "tokens_evaluated"),
            answer_tokens=tokens_of(answer, "tokens_predicted"),
        )

    async def occupancy(self) -> Occupancy | None:
        """Ask how many slots work at this moment; None from a server that does not tell, which is not asked again."""
        if not self._tells_slots:
            return None
        try:
            told = await self._client.get_list("/slots", timeout_s=_GLANCE_S)
        except ModelUnreachable as err:
            if err.status not in _UNTOLD:
                raise
            self._tells_slots = False
            return None
        slots = [slot for slot in told if isinstance(slot, dict)]
        # before is_processing there was a state, 0 for idle
        busy = sum(1 for slot in slots if slot.get("is_processing", slot.get("state", 0)))
        return Occupancy(busy=busy, slots=len(slots))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _tokens(self, messages: Sequence[Message]) -> list[int]:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        asked = {"messages": fenced(turns), "chat_template_kwargs": {"enable_thinking": False}}
        answer = await self._client.post("/apply-template", asked, timeout_s=_SHORT_TIMEOUT_S)
        rendered = answer.get("prompt")
        if not isinstance(rendered, str):
            raise BadOutput("the server rendered no prompt")
        try:
            segments = segments_of(rendered, [message.content for message in messages])
        except ValueError as err:
            raise BadOutput(str(err)) from err
        tokens: list[int] = []
        for number, segment in enumerate(segments):
            body: dict[str, Any] = {
                "content": segment.text,
                "add_special": number == 0,
                "parse_special": segment.trusted,
            }
            part = (await self._client.post("/tokenize", body, timeout_s=_SHORT_TIMEOUT_S)).get("tokens")
            if not isinstance(part, list) or not all(isinstance(token, int) for token in part):
                raise BadOutput("the server's tokenizer gave no tokens")
            tokens += part
        return tokens
