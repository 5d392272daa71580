"""Florence-2 at work: four graphs and a tokenizer, greedy decoding."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.vision.session import Cancel, TensorInfo

from .errors import MalformedOutput
from .florence import FlorenceAnswer, FlorenceTask, parse_answer, prompt_of, question_prompt
from .graph import Array, Loaded, answer, first
from .inputs import input_size, look
from .pictures import Frame
from .tokens import Words

_ROLES: Final = ("vision", "embed", "encoder", "decoder")
_NGRAM: Final = 3
_PAST: Final = "past_key_values"
_CACHE_SWITCH: Final = "use_cache_branch"


class FlorenceReader:
    """Answers the seven tasks and free questions about a picture."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graphs; raises ``UnsupportedGraph``."""
        loaded.contract("florence2")
        self._vision, self._embed, self._encoder, self._decoder = (loaded.graph(role) for role in _ROLES)
        self._image = loaded.image
        self._size = input_size(self._vision, self._image)
        self._words = Words(loaded.path("tokenizer"))
        self._end = int(loaded.number("end_token", 2))
        self._first = int(loaded.number("first_token", 0))
        self._most = int(loaded.number("max_tokens", 256))

    def canary(self, frame: Frame) -> None:
        """Write a few words about a picture; raises ``StageError``."""
        self._write(prompt_of(FlorenceTask.CAPTION), frame, most=4, cancel=None)

    def ask(self, task: FlorenceTask, frame: Frame, *, cancel: Cancel | None = None) -> FlorenceAnswer:
        """Do one of the seven tasks; blocks, raises ``StageError``."""
        raw = self._write(prompt_of(task), frame, most=self._most, cancel=cancel)
        return parse_answer(task, raw, (frame.width, frame.height))

    def answer_question(self, question: str, frame: Frame, *, cancel: Cancel | None = None) -> FlorenceAnswer:
        """Answer a free question with words; blocks, raises ``StageError``."""
        raw = self._write(question_prompt(question), frame, most=self._most, cancel=cancel)
        return parse_answer(FlorenceTask.CAPTION, raw, (frame.width, frame.height))

    def _write(self, prompt: str, frame: Frame, *, most: int, cancel: Cancel | None) -> str:
        seen = first(look(self._vision, frame, self._image, size=self._size, cancel=cancel))
        ids, _ = self._words.encode([prompt])
        told = np.concatenate([seen, self._embedded(ids, cancel)], axis=1)
        mask = np.ones(told.shape[:2], np.int64)
        hidden = first(answer(self._encoder, {"attention_mask": mask, "inputs_embeds": told}, cancel))
        written = [self._end, self._first]
        while len(written) - 2 < most:
            following = self._next(written, hidden, mask, cancel)
            if following == self._end:
                break
            written.append(following)
        return self._words.decode(written[2:])

    def _next(self, written: list[int], hidden: Array, mask: Array, cancel: Cancel | None) -> int:
        given: dict[str, Array] = {
            "encoder_hidden_states": hidden,
            "encoder_attention_mask": mask,
            "inputs_embeds": self._embedded(np.asarray([written], np.int64), cancel),
            _CACHE_SWITCH: np.zeros(1, np.bool_),
        }
        feeds = {info.name: given[info.name] for info in self._decoder.inputs if info.name in given}
        feeds |= {info.name: _no_past(info) for info in self._decoder.inputs if info.name.startswith(_PAST)}
        logits = answer(self._decoder, feeds, cancel).get("logits")
        if logits is None or logits.shape[:2] != (1, len(written)):
            raise MalformedOutput("the decoder gave no logits for what was written", code="malformed_output")
        last: NDArray[np.float64] = logits[0, -1].astype(np.float64)
        last[list(_repeating(written))] = -np.inf
        return int(last.argmax())

    def _embedded(self, ids: NDArray[np.int64], cancel: Cancel | None) -> Array:
        return first(answer(self._embed, {self._embed.inputs[0].name: ids}, cancel))


def _no_past(info: TensorInfo) -> Array:
    """An empty memory: the decoder computes everything anew, which costs time and needs no bookkeeping."""
    shape = [1 if at == 0 else size or 0 for at, size in enumerate(info.shape)]
    return np.zeros(shape, info.dtype)


def _repeating(written: list[int]) -> set[int]:
    """Tokens that would write the same three tokens a second time."""
    before = tuple(written[-(_NGRAM - 1) :])
    return {
        written[at + _NGRAM - 1]
        for at in range(len(written) - _NGRAM + 1)
        if tuple(written[at : at + _NGRAM - 1]) == before
    }
