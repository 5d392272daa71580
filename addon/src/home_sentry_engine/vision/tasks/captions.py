"""Captions to attributes: what sentences about a person, a vehicle or a scene say in words that the home knows.

Only what a sentence says is given; a word that is not there is no finding. Values that still hold raw task tokens are
no sentences: they are dropped and counted. What a caption guesses of somebody's sex or age is left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
import re
from typing import Final

_TOKEN: Final = re.compile(r"<[^<>]*>|</?s>|\bVQA>")
_CARRIES: Final = re.compile(r"\b(?:carry|hold|with an? |bring|deliver|pull|push)")
_LETTERING: Final = re.compile(
    r"\b(?:reads?|says?|words?|text|lettering|logo of)\s+[\"'“]?([^\"'”.,]{2,40})", re.IGNORECASE
)
_GUESSED: Final = r"(?:(?:young|old|older|elderly|middle-aged|teenage|male|female)\s+)*"
_NEUTRAL: Final = (
    (re.compile(rf"\b{_GUESSED}(?:men|women|boys|girls|ladies|children|kids|teenagers)\b", re.IGNORECASE), "people"),
    (re.compile(rf"\b(a)n?\s+{_GUESSED}(?:man|woman|boy|girl|lady|child|kid|teenager|person)\b", re.IGNORECASE),
     r"\1 person"),
    (re.compile(rf"\b{_GUESSED}(?:man|woman|boy|girl|lady|child|kid|teenager|person)\b", re.IGNORECASE), "person"),
    (re.compile(r"\b(?:his|her|hers)\b", re.IGNORECASE), "their"),
    (re.compile(r"\b(?:he|she|him)\b", re.IGNORECASE), "the person"),
)  # fmt: skip
_LONGEST: Final = 400
_COLOURS: Final = (
    "black", "white", "grey", "gray", "silver", "red", "blue", "green", "yellow", "orange", "brown", "beige", "purple",
)  # fmt: skip
_CLOTHES: Final = (
    "hooded sweatshirt", "high-visibility vest", "safety vest", "baseball cap", "t-shirt", "hoodie", "jacket", "coat",
    "shirt", "sweater", "suit", "dress", "uniform", "vest", "jeans", "pants", "trousers", "shorts", "skirt", "hat",
    "cap", "helmet", "mask", "balaclava", "gloves", "scarf",
)  # fmt: skip
_CARRIED: Final = (
    "cardboard box", "package", "parcel", "box", "backpack", "suitcase", "handbag", "shopping bag", "bag", "ladder",
    "crowbar", "flashlight", "umbrella", "tool", "knife", "gun",
)  # fmt: skip
_ACTIONS: Final = (
    "walking", "running", "standing", "sitting", "crouching", "climbing", "lying", "kneeling", "jumping", "waiting",
    "knocking", "carrying", "delivering", "riding", "driving", "fighting",
)  # fmt: skip
_TYPES: Final = (
    "pickup truck", "delivery van", "delivery truck", "fire truck", "police car", "garbage truck", "box truck",
    "station wagon", "motorcycle", "bicycle", "sedan", "hatchback", "minivan", "suv", "taxi", "ambulance", "tractor",
    "trailer", "truck", "bus", "van", "car",
)  # fmt: skip
_COMMERCIAL: Final = (
    "delivery van",
    "delivery truck",
    "box truck",
    "garbage truck",
    "work van",
    "company logo",
)
_SERVICE: Final = (
    "uniform", "high-visibility vest", "safety vest", "delivery person", "delivery man", "delivery woman", "courier",
    "mail carrier", "postman", "worker", "police officer", "firefighter",
)  # fmt: skip
_TOOLS: Final = ("crowbar", "ladder", "hammer", "bolt cutter", "screwdriver", "drill", "flashlight", "saw", "axe")
_LEAVABLE: Final = tuple(word for word in _CARRIED if word not in _TOOLS and word != "tool")
_LEFT: Final = ("unattended", "abandoned", "left behind", "on the doorstep", "on the porch")
_UNUSUAL: Final = ("fire", "smoke", "broken glass", "broken window", "open gate", "open door", "knife", "gun", "weapon")
_TIMES: Final = {"at night": "night", "nighttime": "night", "dusk": "dusk", "dawn": "dawn", "daytime": "day",
                 "sunny day": "day", "during the day": "day"}  # fmt: skip
_LIGHTS: Final = {
    "dark": "dark",
    "dimly lit": "dim",
    "street light": "artificial",
    "bright": "bright",
    "sunny": "bright",
}
_WEATHER: Final = {"rain": "rain", "snow": "snow", "fog": "foggy", "cloudy": "cloudy", "overcast": "cloudy",
                   "sunny": "clear", "clear sky": "clear"}  # fmt: skip
# acts that one body cannot do at the same moment
OPPOSED: Final = (
    frozenset({"running", "sitting"}), frozenset({"running", "standing"}), frozenset({"walking", "sitting"}),
    frozenset({"lying", "standing"}), frozenset({"lying", "walking"}), frozenset({"lying", "running"}),
    frozenset({"sitting", "standing"}), frozenset({"crouching", "standing"}), frozenset({"crouching", "running"}),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Attributes that a caption states, as JSON values; ``dropped`` counts captions that were none."""

    attributes: Mapping[str, object] = field(default_factory=dict)
    dropped: int = 0


def clean_caption(raw: str) -> str | None:
    """Give a caption as one line about persons; None for one that holds task tokens or nothing."""
    line = " ".join(raw.split())
    if not line or _TOKEN.search(line):
        return None
    for guess, neutral in _NEUTRAL:
        line = guess.sub(neutral, line)
    return line[:_LONGEST]


def person_said(raw: str) -> Said:
    """Read ``clothing``, ``carrying``, ``is_service_worker``, ``action`` and ``caption`` of a person."""
    caption = clean_caption(raw)
    if caption is None:
        return Said(dropped=1)
    text = caption.casefold()
    return _said(
        clothing=_coloured(text, _CLOTHES),
        carrying=_found(text, _CARRIED) if _CARRIES.search(text) else (),
        is_service_worker=True if _found(text, _SERVICE) else None,
        action=next(iter(_found(text, _ACTIONS)), None),
        caption=caption,
    )


def vehicle_said(raw: str) -> Said:
    """Read ``color``, ``vehicle_type``, ``is_commercial``, ``commercial_text`` and ``caption`` of a vehicle."""
    caption = clean_caption(raw)
    if caption is None:
        return Said(dropped=1)
    text = caption.casefold()
    lettering = _LETTERING.search(caption)
    return _said(
        color=next(iter(_found(text, _COLOURS)), None),
        vehicle_type=next(iter(_found(text, _TYPES)), None),
        is_commercial=True if _found(text, _COMMERCIAL) else None,
        commercial_text=lettering.group(1).strip() if lettering else None,
        caption=caption,
    )


def scene_said(raw: str) -> Said:
    """Read what a caption says about the scene as a whole."""
    caption = clean_caption(raw)
    if caption is None:
        return Said(dropped=1)
    text = caption.casefold()
    return _said(
        unusual_objects=_found(text, _UNUSUAL),
        tools_detected=_found(text, _TOOLS),
        abandoned_items=_found(text, _LEAVABLE) if any(word in text for word in _LEFT) else (),
        time_of_day=_first(text, _TIMES),
        lighting=_first(text, _LIGHTS),
        weather=_first(text, _WEATHER),
        scene_description=caption,
    )


def groups_said(raw: str) -> frozenset[str]:
    """Tell whether a caption speaks of a ``person``, a ``vehicle`` or an ``animal``."""
    text = raw.casefold()
    words = {
        "person": ("person", "man", "woman", "people", "boy", "girl", "child", "officer", "worker", "pedestrian"),
        "vehicle": _TYPES,
        "animal": ("dog", "cat", "bird", "horse", "cow", "sheep", "bear"),
    }
    return frozenset(group for group, names in words.items() if _found(text, names))


def contradicts(one: str, other: str) -> bool:
    """Tell whether two acts cannot both be true."""
    words = frozenset(_found(one.casefold(), _ACTIONS)) | frozenset(_found(other.casefold(), _ACTIONS))
    return any(pair <= words for pair in OPPOSED)


def _said(**values: object) -> Said:
    return Said(attributes={name: value for name, value in values.items() if value not in (None, (), [])})


def _found(text: str, words: Iterable[str]) -> tuple[str, ...]:
    """Give the words that stand in a text; a word inside a longer one that was found does not count again."""
    found: list[str] = []
    for word in words:
        if re.search(rf"\b{re.escape(word)}(?:s|es)?\b", text) and not any(word in longer for longer in found):
            found.append(word)
    return tuple(found)


def _coloured(text: str, words: Iterable[str]) -> tuple[str, ...]:
    colours = "|".join(_COLOURS)
    found = []
    for word in _found(text, words):
        match = re.search(rf"\b({colours})\s+(?:\w+\s+)?{re.escape(word)}", text)
        found.append(f"{match.group(1)} {word}" if match else word)
    return tuple(found)


def _first(text: str, words: Mapping[str, str]) -> str | None:
    return next((meaning for word, meaning in words.items() if re.search(rf"\b{re.escape(word)}", text)), None)
