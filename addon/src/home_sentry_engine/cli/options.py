"""Options that several commands share, and the settings that follow from them."""

import argparse
import os
from pathlib import Path
from typing import Any, Final

from home_sentry_engine.settings import Settings, load_settings

DEFAULT_DATA: Final = Path("data")
_DATA_VARIABLE: Final = "HOME_SENTRY_DATA"


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` and ``--config``."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"data folder of the engine (default: ${_DATA_VARIABLE}, else ./{DEFAULT_DATA})",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, as JSON or TOML")


def add_models_folder(parser: argparse.ArgumentParser) -> None:
    """Add ``--models``."""
    parser.add_argument("--models", type=Path, metavar="DIR", help="folder of the model files (default: DATA/models)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")


def data_folder(arguments: argparse.Namespace) -> Path:
    """Give the data folder: option, environment, default."""
    chosen: Path = arguments.data or Path(os.environ.get(_DATA_VARIABLE) or DEFAULT_DATA)
    return chosen.expanduser().absolute()


def settings_of(arguments: argparse.Namespace, **overrides: Any) -> Settings:
    """Read the settings as ``serve`` would; raises ``InvalidSettings``."""
    models = getattr(arguments, "models", None)
    if models is not None:
        overrides["models"] = str(models.expanduser().absolute())
    return load_settings(
        data=data_folder(arguments), file=arguments.config, environment=os.environ, overrides=overrides
    )
