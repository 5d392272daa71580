"""Any server that speaks the OpenAI chat API: llama-server, vLLM, Ollama, LM Studio."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from home_sentry_engine.language.errors import BadOutput, ModelUnreachable

from .base import Completion, Message, Question
from .http import JsonClient

# without the server's tokenizer: no tokenizer in use makes more tokens than one per two bytes of prose and JSON
_BYTES_PER_TOKEN: Final = 2
_TURN_TOKENS: Final = 8
_THINKING_OFF: Final = {"chat_template_kwargs": {"enable_thinking": False}}
# strongest first: OpenAI's and llama-server's form, llama-cpp-python's server, then whatever knows JSON at all
_FORMS: Final[tuple[Callable[[dict[str, Any]], dict[str, Any]], ...]] = (
    lambda schema: {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "assessment", "strict": True, "schema": schema},
        },
        **_THINKING_OFF,
    },
    lambda schema: {"response_format": {"type": "json_object", "schema": schema}, **_THINKING_OFF},
    lambda _schema: {"response_format": {"type": "json_object"}},
)
# llama-cpp-python's server answers a form that it does not know with 500
_REFUSALS: Final = frozenset({400, 404, 422, 500, 501})


class OpenAICompatible:
    """Backend over ``/chat/completions``; token counts are an upper estimate, as the API offers none."""

    def __init__(self, client: JsonClient, *, model: str, window_tokens: int, prefix: str = "") -> None:
        """Take the connection, the model's name there, the window to respect and the path before the API's."""
        self._client = client
        self._model = model
        self._window = window_tokens
        self._prefix = prefix
        self._form = 0
        self._proven = False

    @property
    def model_id(self) -> str:
        """Name of the model at the server."""
        return self._model

    async def window(self) -> int:
        """Give the configured window."""
        return self._window

    async def count(self, messages: Sequence[Message]) -> int:
        """Estimate from above."""
        words = sum(len(message.content.encode()) // _BYTES_PER_TOKEN + _TURN_TOKENS for message in messages)
        return words + sum(picture.tokens for message in messages for picture in message.pictures)

    async def complete(self, question: Question) -> Completion:
        """Ask with a strict schema; a server that refuses that form is asked in weaker ones, which is remembered."""
        path = f"{self._prefix}/chat/completions"
        while True:
            try:
                answer = await self._client.post(path, self._body(question), timeout_s=question.timeout_s)
            except ModelUnreachable as err:
                weaker = err.status in _REFUSALS and not self._proven and self._form + 1 < len(_FORMS)
                if not weaker:
                    self._form = self._form if self._proven else 0
                    raise
                self._form += 1
            else:
                self._proven = True
                return completion_of(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _body(self, question: Question) -> dict[str, Any]:
        body = {
            "model": self._model,
            "messages": [_turn(message) for message in question.messages],
            "max_tokens": question.max_tokens,
            "temperature": question.temperature,
            "top_p": question.top_p,
            "stream": False,
        }
        return body | _FORMS[self._form](question.schema)


def _turn(message: Message) -> dict[str, Any]:
    if not message.pictures:
        return {"role": message.role, "content": message.content}
    shown = [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{picture.base64}"}}
        for picture in message.pictures
    ]
    return {"role": message.role, "content": [*shown, {"type": "text", "text": message.content}]}


def completion_of(answer: Mapping[str, Any]) -> Completion:
    """Read a chat completion; raises ``BadOutput`` for another shape."""
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"]
        finish = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError) as err:
        raise BadOutput("the server's answer is no chat completion") from err
    if not isinstance(text, str):
        raise BadOutput("the server's answer holds no text")
    usage = answer.get("usage")
    return Completion(
        text=text,
        truncated=finish == "length",
        prompt_tokens=tokens_of(usage, "prompt_tokens"),
        answer_tokens=tokens_of(usage, "completion_tokens"),
    )


def tokens_of(usage: object, key: str) -> int:
    """Read a token count, 0 where the server tells none."""
    value = usage.get(key) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
