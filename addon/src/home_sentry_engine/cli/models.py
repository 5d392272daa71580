"""``home-sentry models``: which models there are, fetching, checking, removing and allowing them."""

import argparse
import asyncio
from collections.abc import Iterable
from dataclasses import asdict
import sys
from typing import Any, Final

from home_sentry_engine.settings import ModelSettings
from home_sentry_engine.vision.catalog import Card, load_catalogue
from home_sentry_engine.vision.store import FileState, ModelStore, StoredModel, Switches

from .display import megabytes, print_json, print_table, quiet
from .models_change import cards_of, is_on, run_disable, run_enable, run_get, run_remove
from .models_quantize import add_quantize
from .options import add_json, add_models_folder, add_places, settings_of

_PLACES: Final = {
    "local": "here",
    "mirror": "mirror",
    "source": "can be fetched",
    "package": "built in",
    "none": "not available",
}


def add_parser(commands: Any) -> None:
    """Add the command with its verbs."""
    parser = commands.add_parser("models", help="list, fetch, check, remove and allow models")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, run, text, count in (
        ("list", run_list, "show every model, its licence and where it lies", "*"),
        ("get", run_get, "fetch models (default: the detector and the language model that the settings want)", "*"),
        ("verify", run_verify, "read model files again and compare their sha256 (default: all that are here)", "*"),
        ("remove", run_remove, "delete the model folder's own copies; a mirror is left alone", "+"),
        ("enable", run_enable, "allow models that are off by default; a running engine hears of it", "+"),
        ("disable", run_disable, "forbid models; a running engine hears of it", "+"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("ids", nargs=count, metavar="ID", help="model ids" + (", or all" if count == "*" else ""))
        if name in {"get", "enable"}:
            verb.add_argument(
                "--accept-licence", action="append", default=[], metavar="LICENCE",
                help="agree to a licence that is not permissive, by its name",
            )  # fmt: skip
        add_places(verb)
        add_models_folder(verb)
        add_json(verb)
        verb.set_defaults(run=run)
    add_quantize(verbs)


def run_list(arguments: argparse.Namespace) -> int:
    """Show the catalogue, without reading any model file."""
    settings = settings_of(arguments).models
    catalogue = load_catalogue(settings.folder)
    cards = cards_of(catalogue, arguments.ids) or tuple(catalogue)
    stored = asyncio.run(ModelStore(settings).listing(cards))
    switches = Switches(settings.folder)
    if arguments.json:
        print_json(
            {
                "folder": str(settings.folder),
                "models": [_document(one, choice=switches.choice(one.card)) for one in stored],
            }
        )
        return 0
    print_table(
        ("ID", "TASK", "ON", "WHERE", "SIZE", "LICENCE", "NAME"),
        [
            (
                one.card.id + (" *" if one.card.default_on else ""),
                one.card.task,
                "yes" if is_on(one.card, switches.choice(one.card)) else "no",
                _PLACES.get(one.place, one.place),
                megabytes(one.size_bytes),
                one.card.licence + (" (unconfirmed)" if "licence" in one.card.unconfirmed else ""),
                one.card.name,
            )
            for one in stored
        ],
    )
    print(f"\n* a default of its task. Folder: {settings.folder}" + _mirror(settings))
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Check files; 1 if one is damaged, or missing though it was named."""
    settings = settings_of(arguments).models
    catalogue = load_catalogue(settings.folder)
    named = cards_of(catalogue, arguments.ids)
    with quiet():
        reports = asyncio.run(_verify_all(ModelStore(settings), named or tuple(catalogue)))
    shown = [report for report in reports if named or report.state is not FileState.MISSING]
    bad = [report for report in shown if report.state is not FileState.VERIFIED]
    if arguments.json:
        print_json({"folder": str(settings.folder), "ok": not bad, "files": [asdict(report) for report in shown]})
    elif not shown:
        fileless = ", ".join(card.id for card in named if not card.files)
        print(f"{fileless}: built in, no file to check" if fileless else _nothing_in(settings))
    else:
        print_table(
            ("MODEL", "FILE", "STATE", "WHERE", "SHA256"),
            [
                (report.model_id, report.file, _state(report.state, report.expected), report.origin, report.sha256)
                for report in shown
            ],
        )
    if bad and not arguments.json:
        ids = dict.fromkeys(report.model_id for report in bad)
        print(f"fetch what is missing or damaged with: home-sentry models get {' '.join(ids)}", file=sys.stderr)
    return 1 if bad else 0


async def _verify_all(store: ModelStore, cards: Iterable[Card]) -> list[Any]:
    return [report for card in cards for report in await store.verify(card)]


def _document(one: StoredModel, *, choice: bool | None) -> dict[str, Any]:
    card = one.card
    return {
        "id": card.id,
        "name": card.name,
        "task": card.task,
        "licence": card.licence,
        "place": one.place,
        "size_bytes": one.size_bytes,
        "memory_bytes": card.memory_bytes,
        "memory_estimated": card.memory_estimated,
        "default": card.default_on,
        "on": is_on(card, choice),
        "permissive": card.permissive,
        "variant_of": card.variant_of,
        "unconfirmed": card.unconfirmed,
        "note": card.note,
        "source": f"{card.source.host}:{card.source.repository}@{card.source.revision}",
        "files": [{"name": file.name, "size_bytes": file.size_bytes, "sha256": file.sha256} for file in card.files],
    }


def _nothing_in(settings: ModelSettings) -> str:
    return f"no model file is in {settings.folder}{_mirror(settings)}"


def _mirror(settings: ModelSettings) -> str:
    mirror = f", mirror: {settings.mirror}" if settings.mirror else ""
    return mirror + (", offline" if settings.offline else "")


def _state(state: FileState, expected: str | None) -> str:
    return "pinned now" if state is FileState.VERIFIED and expected is None else str(state)
