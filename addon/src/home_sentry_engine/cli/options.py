"""Options of the commands that look at an engine instead of running one."""

import argparse
from pathlib import Path

from home_sentry_engine.settings import Settings

from .common import add_data_option
from .common import settings_of as engine_settings_of


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` and ``--config``."""
    add_data_option(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as options.json or TOML")


def add_models_folder(parser: argparse.ArgumentParser) -> None:
    """Add ``--models``."""
    parser.add_argument("--models", type=Path, metavar="DIR", help="folder of the model files (default: DATA/models)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Read the settings as ``serve`` would; raises ``InvalidSettings``."""
    models: Path | None = getattr(arguments, "models", None)
    return engine_settings_of(arguments, {"models": str(models.expanduser().absolute()) if models else None})
