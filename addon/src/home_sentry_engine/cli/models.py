"""``home-sentry models``: which models there are, fetching them, checking them."""

import argparse
import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.settings import ModelSettings, Settings
from home_sentry_engine.vision.catalog import Card, Catalogue, Task, UnknownModel, load_catalogue
from home_sentry_engine.vision.session import available_providers, choose_provider
from home_sentry_engine.vision.store import FileState, ModelStore, StoredModel, StoreError
from home_sentry_engine.vision.zoo import Zoo

from .display import megabytes, print_json, print_table, quiet
from .options import add_json, add_models_folder, add_places, settings_of
from .progress import ProgressLines

_PLACES: Final = {
    "local": "here",
    "mirror": "mirror",
    "source": "can be fetched",
    "package": "built in",
    "none": "not available",
}


def add_parser(commands: Any) -> None:
    """Add the command with its three verbs."""
    parser = commands.add_parser("models", help="list, fetch and check model files")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, run, text in (
        ("list", run_list, "show every model, its licence and where it lies"),
        ("get", run_get, "fetch models (default: the detector and the language model that the settings want here)"),
        ("verify", run_verify, "read model files again and compare their sha256 (default: all that are here)"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("ids", nargs="*", metavar="ID", help="model ids, or all")
        add_places(verb)
        add_models_folder(verb)
        add_json(verb)
        verb.set_defaults(run=run)


def run_list(arguments: argparse.Namespace) -> int:
    """Show the catalogue, without reading any model file."""
    settings, catalogue = settings_of(arguments).models, load_catalogue()
    cards = _cards(catalogue, arguments.ids) or tuple(catalogue)
    stored = asyncio.run(ModelStore(settings).listing(cards))
    if arguments.json:
        print_json({"folder": str(settings.folder), "models": [_document(one) for one in stored]})
        return 0
    print_table(
        ("ID", "TASK", "WHERE", "SIZE", "LICENCE", "NAME"),
        [
            (
                one.card.id + (" *" if one.card.default_on else ""),
                one.card.task,
                _PLACES.get(one.place, one.place),
                megabytes(one.size_bytes),
                one.card.licence,
                one.card.name,
            )
            for one in stored
        ],
    )
    print(f"\n* a default of its task. Folder: {settings.folder}" + _mirror(settings))
    return 0


def run_get(arguments: argparse.Namespace) -> int:
    """Fetch what is missing; 1 if one could not be had."""
    whole, catalogue = settings_of(arguments), load_catalogue()
    settings = whole.models
    cards = _cards(catalogue, arguments.ids) or _wanted_here(whole, catalogue)
    with quiet():
        results = asyncio.run(_get_all(settings, cards, ProgressLines(quiet=arguments.json)))
    if arguments.json:
        print_json({"folder": str(settings.folder), "models": results})
    return 0 if all(result["error"] is None for result in results) else 1


def run_verify(arguments: argparse.Namespace) -> int:
    """Check files; 1 if one is damaged, or missing though it was named."""
    settings, catalogue = settings_of(arguments).models, load_catalogue()
    named = _cards(catalogue, arguments.ids)
    with quiet():
        reports = asyncio.run(_verify_all(ModelStore(settings), named or tuple(catalogue)))
    shown = [report for report in reports if named or report.state is not FileState.MISSING]
    bad = [report for report in shown if report.state is not FileState.VERIFIED]
    if arguments.json:
        print_json({"folder": str(settings.folder), "ok": not bad, "files": [asdict(report) for report in shown]})
    elif not shown:
        print(f"no model file is in {settings.folder}{_mirror(settings)}")
    else:
        print_table(
            ("MODEL", "FILE", "STATE", "WHERE", "SHA256"),
            [
                (report.model_id, report.file, _state(report.state, report.expected), report.origin, report.sha256)
                for report in shown
            ],
        )
    return 1 if bad else 0


def _wanted_here(settings: Settings, catalogue: Catalogue) -> tuple[Card, ...]:
    choice = choose_provider(settings.detect.provider, available_providers())
    detector = Zoo(settings.detect, settings.models, SystemClock()).candidates(choice)[0]
    local_llm = settings.language.enabled and settings.language.url is None
    language = [card for card in catalogue.of_task(Task.LANGUAGE) if card.default_on] if local_llm else []
    return tuple(card for card in (detector, *language) if card.files)


def _cards(catalogue: Catalogue, ids: Iterable[str]) -> tuple[Card, ...]:
    wanted = tuple(ids)
    if wanted == ("all",):
        return tuple(card for card in catalogue if card.files)
    unknown = [one for one in wanted if one not in catalogue]
    if unknown:
        raise UnknownModel(
            f"no model is called {', '.join(unknown)}; known: {', '.join(card.id for card in catalogue)}"
        )
    return tuple(catalogue.get(one) for one in dict.fromkeys(wanted))


async def _get_all(settings: ModelSettings, cards: Iterable[Card], lines: ProgressLines) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    store = ModelStore(settings, on_progress=lines)
    for card in cards:
        lines.say(f"{card.id}: {card.name}, licence {card.licence}")
        files: dict[str, str] = {}
        origin: str | None = None
        error: str | None = None
        try:
            model = await store.fetch(card)
            files, origin = {name: str(path) for name, path in model.paths.items()}, model.origin
            size = await asyncio.to_thread(_size_of, model.paths.values())
            lines.done(f"{card.id}: {megabytes(size)}, {_came(origin)} {model.main}")
        except StoreError as err:
            error = err.reason
            lines.failed(f"{card.id}: {error}")
        results.append({"id": card.id, "licence": card.licence, "origin": origin, "files": files, "error": error})
    return results


async def _verify_all(store: ModelStore, cards: Iterable[Card]) -> list[Any]:
    return [report for card in cards for report in await store.verify(card)]


def _document(one: StoredModel) -> dict[str, Any]:
    card = one.card
    return {
        "id": card.id,
        "name": card.name,
        "task": card.task,
        "licence": card.licence,
        "place": one.place,
        "size_bytes": one.size_bytes,
        "memory_bytes": card.memory_bytes,
        "default": card.default_on,
        "note": card.note,
        "source": f"{card.source.host}:{card.source.repository}@{card.source.revision}",
        "files": [{"name": file.name, "size_bytes": file.size_bytes, "sha256": file.sha256} for file in card.files],
    }


def _size_of(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _came(origin: str) -> str:
    return {"local": "already at", "mirror": "from the mirror:", "source": "fetched to"}.get(origin, "at")


def _mirror(settings: ModelSettings) -> str:
    mirror = f", mirror: {settings.mirror}" if settings.mirror else ""
    return mirror + (", offline" if settings.offline else "")


def _state(state: FileState, expected: str | None) -> str:
    return "pinned now" if state is FileState.VERIFIED and expected is None else str(state)
