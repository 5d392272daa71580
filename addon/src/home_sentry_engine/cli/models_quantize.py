"""``home-sentry models quantize``: an INT8 variant of a detector from pictures of one's own cameras."""

import argparse
import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from home_sentry_engine.operations.int8 import Int8Variant, Wish, make_int8
from home_sentry_engine.vision.catalog import load_catalogue
from home_sentry_engine.vision.store import ModelStore

from .display import megabytes, print_json, print_table, quiet
from .options import add_json, add_models_folder, add_places, settings_of
from .progress import ProgressLines


def add_quantize(verbs: Any) -> None:
    """Add the verb."""
    text = "make an INT8 variant of a detector, with ranges measured on your own pictures"
    verb = verbs.add_parser("quantize", help=text, description=text)
    verb.add_argument("id", metavar="ID", help="id of a detector")
    verb.add_argument("--calibration", type=Path, required=True, metavar="DIR", help="folder of pictures, 10 or more")
    verb.add_argument(
        "--most-loss", type=float, default=0.01, metavar="X", help="AP50 that may be lost, 0 to 1 (default: 0.01)"
    )
    verb.add_argument("--force", action="store_true", help="register it also if it loses more or is not faster")
    add_places(verb)
    add_models_folder(verb)
    add_json(verb)
    verb.set_defaults(run=run_quantize)


def run_quantize(arguments: argparse.Namespace) -> int:
    """Make and measure; 1 if the variant is not worth keeping."""
    settings = settings_of(arguments).models
    card = load_catalogue(settings.folder).get(arguments.id)
    lines = ProgressLines(quiet=arguments.json)
    with quiet():
        model = asyncio.run(ModelStore(settings, on_progress=lines).fetch(card))
        wish = Wish(pictures=arguments.calibration.expanduser(), most_loss=arguments.most_loss, force=arguments.force)
        made = make_int8(card, model.main, settings.folder, wish, lines.say)
    if arguments.json:
        print_json(_document(made))
    else:
        _print(made)
    return 0 if made.kept else 1


def _document(made: Int8Variant) -> dict[str, Any]:
    attempts = [{**asdict(one), "gain": one.gain} for one in made.attempts]
    return {
        "id": made.card.id,
        "kept": made.kept,
        "convolutions": made.convolutions,
        "calibrated_on": made.calibrated_on,
        "judged_on": made.judged_on,
        "attempts": attempts,
    }


def _print(made: Int8Variant) -> None:
    print_table(
        ("INT8 CONVOLUTIONS", "AP50 LOSS", "FLOAT32", "INT8", "GAIN", "SIZE"),
        [
            (
                f"{one.int8_convolutions} of {made.convolutions}",
                f"{one.loss:.3f}",
                f"{one.float_ms:.1f} ms",
                f"{one.int8_ms:.1f} ms",
                f"{one.gain:.2f} x",
                megabytes(one.size_bytes),
            )
            for one in made.attempts
        ],
    )
    print(f"\nranges from {made.calibrated_on} pictures, loss on {made.judged_on} others against the float32 boxes")
    if made.kept:
        print(f"registered as {made.card.id}: choose it with the setting 'detector'")
    else:
        print("not registered: it loses more than allowed, or it is not faster here; float32 stays the better choice")
