"""Reading the cards that lie beside this module as TOML."""

from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
import logging
from pathlib import Path
import tomllib
from typing import Any, Final

from home_sentry_engine.domain.errors import HomeSentryError

from .card import (
    LABEL_SETS,
    RANKS,
    Card,
    CardFile,
    Colour,
    ImageInput,
    InvalidCard,
    Layout,
    Resample,
    Resize,
    Source,
    Task,
)

_LOGGER = logging.getLogger(__name__)
OWN_CARD: Final = "card.toml"


class UnknownModel(HomeSentryError, LookupError):
    """No card has this id; the message lists those that exist."""


class Catalogue:
    """All cards, by id and by task, in the order of the files."""

    def __init__(self, cards: Iterable[Card]) -> None:
        """Take the cards; raises ``InvalidCard`` when two share an id or a file name."""
        self._cards: dict[str, Card] = {}
        names: dict[str, str] = {}
        for card in cards:
            if card.id in self._cards:
                raise InvalidCard(f"two cards have the id {card.id}")
            self._cards[card.id] = card
            for file in card.files:
                owner = names.setdefault(file.name, card.id)
                if owner != card.id:
                    raise InvalidCard(f"cards {owner} and {card.id} share the file name {file.name}")

    def __iter__(self) -> Iterator[Card]:
        """Go through all cards."""
        return iter(self._cards.values())

    def __contains__(self, model_id: object) -> bool:
        """Tell whether a card has this id."""
        return model_id in self._cards

    def get(self, model_id: str) -> Card:
        """Give one card; raises ``UnknownModel``."""
        try:
            return self._cards[model_id]
        except KeyError:
            raise UnknownModel(f"no model is called {model_id!r}; known: {', '.join(self._cards)}") from None

    def of_task(self, task: Task) -> tuple[Card, ...]:
        """Give the cards of one task."""
        return tuple(card for card in self if card.task is task)


def load_catalogue(folder_of_models: Path | None = None) -> Catalogue:
    """Read the cards that the package carries, and those of models that were made here below ``folder_of_models``.

    Raises ``InvalidCard`` for a card of the package; one of our own that cannot be read is left out with a warning.
    """
    folder = resources.files(__package__) / "cards"
    cards: list[Card] = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            cards.extend(parse_cards(entry.read_text(encoding="utf-8")))
    known = {card.id for card in cards}
    names = {file.name for card in cards for file in card.files}
    for card in _own_cards(folder_of_models) if folder_of_models is not None else ():
        if card.id in known or any(file.name in names for file in card.files):
            _LOGGER.warning("a model made here has the name of another one and is left out: %s", card.id)
            continue
        known.add(card.id)
        names |= {file.name for file in card.files}
        cards.append(card)
    return Catalogue(cards)


def parse_cards(text: str) -> tuple[Card, ...]:
    """Read cards from TOML: one ``[[card]]`` table each; raises ``InvalidCard`` naming the card."""
    return tuple(_card(raw) for raw in tomllib.loads(text).get("card", []))


def _own_cards(folder: Path) -> Iterator[Card]:
    for file in sorted(folder.glob(f"*/{OWN_CARD}")):
        try:
            found = parse_cards(file.read_text(encoding="utf-8"))
        except (InvalidCard, OSError, ValueError) as err:
            _LOGGER.warning("the card %s/%s is left out: %s", file.parent.name, file.name, err)
            continue
        yield from (card for card in found if card.source.host == "local")


def _card(raw: Mapping[str, Any]) -> Card:
    name = raw.get("id", "without id")
    try:
        card = _fields(raw)
    except (KeyError, TypeError, ValueError) as err:
        reason = f"lacks {err}" if isinstance(err, KeyError) else str(err)
        raise InvalidCard(f"card {name}: {reason}") from err
    if card.default_on and not card.permissive:
        raise InvalidCard(f"card {name}: {card.licence} may not be on by default")
    if card.default_on and card.unconfirmed:
        unread = " and ".join(card.unconfirmed)
        raise InvalidCard(f"card {name}: nobody confirmed its {unread}, so it may not be on by default")
    return card


def _fields(raw: Mapping[str, Any]) -> Card:
    labels = raw.get("labels", "none")
    own_labels = tuple(labels) if isinstance(labels, list) else ()
    label_set = "none" if own_labels else labels
    if label_set not in LABEL_SETS:
        raise ValueError(f"unknown label set {label_set!r}")
    rank = raw.get("rank", "medium")
    if rank not in RANKS:
        raise ValueError(f"unknown rank {rank!r}")
    return Card(
        id=raw["id"],
        name=raw["name"],
        task=Task(raw["task"]),
        contract=raw["contract"],
        licence=raw["licence"],
        source=Source(**raw["source"]),
        files=tuple(_file(file) for file in raw.get("files", [])),
        image=_image(raw["image"]) if "image" in raw else None,
        label_set=label_set,
        own_labels=own_labels,
        rank=rank,
        memory_bytes=raw.get("memory_bytes"),
        memory_estimated=raw.get("memory_estimated", False),
        default_on=raw.get("default_on", False),
        note=raw.get("note", ""),
        variant_of=raw.get("variant_of"),
        resident_from_gb=raw.get("resident_from_gb"),
        unconfirmed=tuple(raw.get("unconfirmed", ())),
        quirks=dict(raw.get("quirks", {})),
    )


def _file(raw: Mapping[str, Any]) -> CardFile:
    name = raw["name"]
    if "/" in name or name.startswith("."):
        raise ValueError(f"file name {name!r} must be plain")
    sha256 = raw.get("sha256")
    if sha256 is not None and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise ValueError(f"sha256 of {name} is not 64 hexadecimal digits")
    return CardFile(
        name=name,
        path=raw.get("path", name),
        role=raw.get("role", "main"),
        size_bytes=raw.get("bytes"),
        sha256=sha256,
    )


def _image(raw: Mapping[str, Any]) -> ImageInput:
    values = dict(raw)
    size = values.pop("size")
    width, height = (size, size) if isinstance(size, int) else size
    for key, kind in (("colour", Colour), ("resize", Resize), ("resample", Resample), ("layout", Layout)):
        if key in values:
            values[key] = kind(values[key])
    for key in ("mean", "std"):
        if key in values:
            values[key] = tuple(values[key])
    return ImageInput(width=width, height=height, **values)
