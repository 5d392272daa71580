"""Fetching, removing and allowing models on the command line."""

import argparse
import asyncio
from collections.abc import Collection, Iterable
from pathlib import Path
import sys
from typing import Any, Final

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.settings import ModelSettings, Settings
from home_sentry_engine.vision.catalog import Card, Catalogue, Task, UnknownModel, load_catalogue
from home_sentry_engine.vision.session import available_providers, choose_provider
from home_sentry_engine.vision.store import LicenceNotAccepted, ModelStore, StoreError, Switches, require_licence
from home_sentry_engine.vision.zoo import Zoo

from .display import megabytes, print_json, quiet
from .options import settings_of
from .progress import ProgressLines

_YES: Final = frozenset({"y", "yes"})


def run_get(arguments: argparse.Namespace) -> int:
    """Fetch what is missing; 1 if one could not be had or its licence was not accepted."""
    whole = settings_of(arguments)
    settings = whole.models
    catalogue = load_catalogue(settings.folder)
    cards = cards_of(catalogue, arguments.ids) or _wanted_here(whole, catalogue)
    lines = ProgressLines(quiet=arguments.json)
    agreed = _agreed(cards, arguments.accept_licence, ask=not arguments.json)
    with quiet():
        results = asyncio.run(_get_all(settings, cards, agreed, lines))
    if arguments.json:
        print_json({"folder": str(settings.folder), "models": results})
    return 0 if all(result["error"] is None for result in results) else 1


def run_remove(arguments: argparse.Namespace) -> int:
    """Delete our own copies."""
    settings = settings_of(arguments).models
    cards = cards_of(load_catalogue(settings.folder), arguments.ids)
    freed = asyncio.run(_remove_all(ModelStore(settings), cards))
    if arguments.json:
        print_json({"folder": str(settings.folder), "freed_bytes": freed})
        return 0
    for model_id, size in freed.items():
        print(f"{model_id}: {megabytes(size)} freed" if size else f"{model_id}: no copy of ours was here")
    return 0


def run_enable(arguments: argparse.Namespace) -> int:
    """Allow models; 1 if a licence was not accepted."""
    settings = settings_of(arguments).models
    cards = cards_of(load_catalogue(settings.folder), arguments.ids)
    agreed = _agreed(cards, arguments.accept_licence, ask=not arguments.json)
    switches = Switches(settings.folder)
    refused: dict[str, str] = {}
    for card in cards:
        try:
            switches.switch_on(card, accepted=card.licence if card.licence in agreed else None)
        except LicenceNotAccepted as err:
            refused[card.id] = err.reason
    return _say_switched(cards, refused, "on", as_json=arguments.json)


def run_disable(arguments: argparse.Namespace) -> int:
    """Forbid models."""
    settings = settings_of(arguments).models
    cards = cards_of(load_catalogue(settings.folder), arguments.ids)
    switches = Switches(settings.folder)
    for card in cards:
        switches.switch_off(card)
    return _say_switched(cards, {}, "off", as_json=arguments.json)


def cards_of(catalogue: Catalogue, ids: Iterable[str]) -> tuple[Card, ...]:
    """Give the cards of these ids (``all``: every model with files); raises ``UnknownModel`` naming those unknown."""
    wanted = tuple(ids)
    if wanted == ("all",):
        return tuple(card for card in catalogue if card.files)
    unknown = [one for one in wanted if one not in catalogue]
    if unknown:
        raise UnknownModel(
            f"no model is called {', '.join(unknown)}; known: {', '.join(card.id for card in catalogue)}"
        )
    return tuple(catalogue.get(one) for one in dict.fromkeys(wanted))


def is_on(card: Card, choice: bool | None) -> bool:  # noqa: FBT001 - the choice is a value of its own, not a mode
    """Tell whether a model may run: a person's choice, else the card's default."""
    return card.default_on if choice is None else choice


def _say_switched(cards: Iterable[Card], refused: dict[str, str], word: str, *, as_json: bool) -> int:
    done = [card.id for card in cards if card.id not in refused]
    if as_json:
        print_json({word: done, "refused": refused})
    else:
        for model_id in done:
            print(f"{model_id}: {word}")
        for reason in refused.values():
            print(f"  FAIL  {reason}: --accept-licence", file=sys.stderr)
    return 1 if refused else 0


def _agreed(cards: Iterable[Card], accepted: Iterable[str], *, ask: bool) -> frozenset[str]:
    """Give the licences that a person accepts: those given, and on a terminal those that they say yes to."""
    agreed = set(accepted)
    for card in cards:
        if card.permissive or card.licence in agreed or not ask or not sys.stdin.isatty():
            continue
        print(f"{card.name} ({card.source.repository}) comes under: {card.licence}", file=sys.stderr)
        if card.note:
            print(f"  {card.note}", file=sys.stderr)
        print("Do you accept this licence? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().casefold() in _YES:
            agreed.add(card.licence)
    return frozenset(agreed)


def _wanted_here(settings: Settings, catalogue: Catalogue) -> tuple[Card, ...]:
    choice = choose_provider(settings.detect.provider, available_providers())
    detector = Zoo(settings.detect, settings.models, SystemClock()).candidates(choice)[0]
    local_llm = settings.language.enabled and settings.language.url is None
    language = [card for card in catalogue.of_task(Task.LANGUAGE) if card.default_on] if local_llm else []
    return tuple(card for card in (detector, *language) if card.files)


async def _get_all(
    settings: ModelSettings, cards: Iterable[Card], agreed: Collection[str], lines: ProgressLines
) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    store = ModelStore(settings, on_progress=lines)
    for card in cards:
        lines.say(f"{card.id}: {card.name}, licence {card.licence}")
        files: dict[str, str] = {}
        origin: str | None = None
        error: str | None = None
        try:
            require_licence(card, card.licence if card.licence in agreed else None)
            if not card.files:
                lines.done(f"{card.id}: built in, nothing to fetch")
                results.append({"id": card.id, "licence": card.licence, "origin": None, "files": {}, "error": None})
                continue
            model = await store.fetch(card)
            files, origin = {name: str(path) for name, path in model.paths.items()}, model.origin
            size = await asyncio.to_thread(_size_of, model.paths.values())
            lines.done(f"{card.id}: {megabytes(size)}, {_came(origin)} {model.main}")
        except StoreError as err:
            error = f"{err.reason}: --accept-licence" if isinstance(err, LicenceNotAccepted) else err.reason
            lines.failed(f"{card.id}: {error}")
        results.append({"id": card.id, "licence": card.licence, "origin": origin, "files": files, "error": error})
    return results


async def _remove_all(store: ModelStore, cards: Iterable[Card]) -> dict[str, int]:
    return {card.id: await store.remove(card) for card in cards}


def _size_of(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _came(origin: str) -> str:
    return {"local": "already at", "mirror": "from the mirror:", "source": "fetched to"}.get(origin, "at")
