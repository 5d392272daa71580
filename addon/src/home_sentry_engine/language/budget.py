"""Which form of the prompt fits the model's window, counted by the model's own tokenizer."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
import logging
from typing import Final

from .errors import ContextOverflow
from .prompt import Prompt
from .schema import Size

_LOGGER = logging.getLogger(__name__)

WARN_SHARE: Final = 0.8
# what an answer within the compact schema's limits takes at about two characters a token
COMPACT_ANSWER_TOKENS: Final = 220


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A prompt that fits, its tokens, and what is left for the answer."""

    prompt: Prompt
    tokens: int
    answer_tokens: int


async def fit(
    forms: Iterable[Prompt], *, count: Callable[[Prompt], Awaitable[int]], window: int, answer_tokens: int
) -> Fitted:
    """Take the fullest form that leaves room for the answer; raises ``ContextOverflow`` when none does."""
    tokens = 0
    for form in forms:
        tokens = await count(form)
        wanted = answer_tokens if form.size is Size.FULL else min(answer_tokens, COMPACT_ANSWER_TOKENS)
        if tokens + wanted <= window:
            if tokens + wanted >= WARN_SHARE * window:
                _LOGGER.warning(
                    "The prompt nearly fills the model's window",
                    extra={"tokens": tokens, "window": window, "left_out": form.left_out},
                )
            return Fitted(prompt=form, tokens=tokens, answer_tokens=min(answer_tokens, window - tokens))
    raise ContextOverflow(f"the shortest prompt has {tokens} tokens and the model's window only {window}")
