"""What people may change of the prompt of models that judge: the task, the scale, instructions, and how it answers.

The rules about data, the schema of the answer and the limits of the evidence are no part of it.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from home_sentry_engine.domain.prompting import Content, InvalidPrompt
from home_sentry_engine.domain.risk import MAX_SCORE, MIN_SCORE

from .injections import TOKENS

_FIELDS: Final = ("task", "anchors", "shares", "instructions", "temperature", "top_p", "max_tokens")
_FENCES: Final = ("begin data", "end data")
_ALL: Final = 100
_BANDS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A part of the scale and what belongs there; ``short`` stands in prompts with little room."""

    low: int
    high: int
    meaning: str
    short: str

    @property
    def middle(self) -> int:
        """The score in the middle, halves upwards."""
        return (self.low + self.high + 1) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The changeable part; None stands for what the settings say. ``shares`` are percent of ordinary visits by level.

    ``version`` is that of the configuration, 0 for what was shipped.
    """

    task: str
    anchors: tuple[Anchor, ...]
    shares: tuple[int, ...]
    instructions: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    version: int = 0


SHIPPED: Final = Wording(
    task=(
        "You judge how risky a scene at a private home is. You see no pictures: you get what detectors, other models "
        "and the household's systems found."
    ),
    anchors=(
        Anchor(low=5, high=15, meaning="a resident comes home", short="resident"),
        Anchor(low=15, high=25, meaning="a courier brings something", short="courier"),
        Anchor(low=20, high=35, meaning="somebody passes by", short="passer-by"),
        Anchor(low=45, high=60, meaning="somebody lingers without a visible reason", short="lingering"),
        Anchor(low=70, high=85, meaning="somebody tries handles or doors", short="trying doors"),
        Anchor(low=85, high=100, meaning="a break-in", short="break-in"),
    ),
    shares=(85, 10, 4, 1),
)
SHIPPED_SEEING: Final = replace(
    SHIPPED,
    task=(
        "You judge how risky a scene at a private home is. You see pictures of it in the order of time, and you get "
        "what detectors, other models and the household's systems found."
    ),
)


def wording_of(value: object, *, version: int = 0, shipped: Wording = SHIPPED) -> Wording:
    """Read a configuration; what is not given is as ``shipped``. Raises ``InvalidPrompt`` naming the field."""
    content = Content(value, _FIELDS)
    task = content.text("task", low=10, high=1000, default=shipped.task)
    instructions = content.text("instructions", high=2000)
    for name, text in (("task", task), ("instructions", instructions)):
        _require_plain(name, text)
    return Wording(
        task=task,
        anchors=_anchors(content) if "anchors" in content else shipped.anchors,
        shares=_shares(content) if "shares" in content else shipped.shares,
        instructions=instructions,
        temperature=content.number("temperature", low=0.0, high=1.0),
        top_p=content.number("top_p", low=0.05, high=1.0),
        max_tokens=content.whole("max_tokens", low=100, high=8192),
        version=version,
    )


def content_of(wording: Wording) -> dict[str, Any]:
    """Write a wording as ``wording_of`` reads it."""
    return {
        "task": wording.task,
        "anchors": [
            {"low": one.low, "high": one.high, "meaning": one.meaning, "short": one.short} for one in wording.anchors
        ],
        "shares": list(wording.shares),
        "instructions": wording.instructions,
        "temperature": wording.temperature,
        "top_p": wording.top_p,
        "max_tokens": wording.max_tokens,
    }


def _anchors(content: Content) -> tuple[Anchor, ...]:
    found: list[Anchor] = []
    for index, part in enumerate(content.parts("anchors", low=2, high=12)):
        within = f"anchors[{index}]."
        anchor = _anchor(part, within)
        if found and anchor.low < found[-1].low:
            raise InvalidPrompt(f"{within}low", "must not be below the anchor before")
        found.append(anchor)
    return tuple(found)


def _anchor(part: object, within: str) -> Anchor:
    one = Content(part, ("low", "high", "meaning", "short"), within=within)
    low, high = (_required(one, name) for name in ("low", "high"))
    if low > high:
        raise InvalidPrompt(f"{within}high", "must not be below 'low'")
    meaning = one.line("meaning", low=3, high=120)
    short = one.line("short", high=24) if "short" in one else meaning[:24].strip()
    for name, text in (("meaning", meaning), ("short", short)):
        _require_plain(f"{within}{name}", text)
    return Anchor(low=low, high=high, meaning=meaning, short=short)


def _required(one: Content, name: str) -> int:
    found = one.whole(name, low=MIN_SCORE, high=MAX_SCORE)
    if found is None:
        raise InvalidPrompt(one.path(name), "is missing")
    return found


def _shares(content: Content) -> tuple[int, ...]:
    parts = content.parts("shares", low=_BANDS, high=_BANDS)
    shares = tuple(part for part in parts if isinstance(part, int) and not isinstance(part, bool) and part >= 0)
    if len(shares) != _BANDS or sum(shares) != _ALL:
        raise InvalidPrompt("shares", "must be four whole numbers that make 100: low, medium, high, critical")
    return shares


def _require_plain(name: str, text: str) -> None:
    lowered = " ".join(text.lower().split())
    if any(fence in lowered for fence in _FENCES):
        raise InvalidPrompt(name, "must not hold the words that fence data")
    if TOKENS.search(text):
        raise InvalidPrompt(name, "must not hold tokens of a chat template")
