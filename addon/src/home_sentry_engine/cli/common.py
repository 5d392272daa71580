"""What several commands share: the options of an engine and the way to run one."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
import os
from pathlib import Path
import signal
import stat
import sys
from typing import Any

from home_sentry_engine.settings import PREFIX, Settings, load_settings
from home_sentry_engine.telemetry.logs import configure_logging
from home_sentry_engine.telemetry.redaction import Redactor

DEFAULT_DATA = Path("home-sentry-data")


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Offer ``--data``."""
    default = Path(os.environ.get(f"{PREFIX}DATA", DEFAULT_DATA))
    parser.add_argument("--data", type=Path, default=default, metavar="DIR", help=f"data folder (default: {default})")


def settings_of(arguments: argparse.Namespace, overrides: dict[str, Any]) -> Settings:
    """Load the settings of a command: ``--config``, then the environment, then ``overrides``."""
    environment = {name: value for name, value in os.environ.items() if name != f"{PREFIX}DATA"}
    file: Path | None = getattr(arguments, "config", None)
    return load_settings(data=arguments.data.absolute(), file=file, environment=environment, overrides=overrides)


def is_there(file: Path) -> bool:
    """Tell whether a file is there; raises ``OSError`` where that cannot be told, as without rights."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except FileNotFoundError, NotADirectoryError:
        return False


def start_logging(settings: Settings) -> Redactor:
    """Send log lines to standard error; gives what hides the secrets in them, which may learn more."""
    redactor = Redactor(settings.secrets)
    configure_logging(level=settings.log_level, form=settings.log_format, stream=sys.stderr, redactor=redactor)
    return redactor


def run_until_signal(work: Callable[[], Awaitable[int]]) -> int:
    """Run ``work``; SIGINT and SIGTERM cancel it and count as a clean end."""

    async def supervised() -> int:
        task = asyncio.ensure_future(work())
        loop = asyncio.get_running_loop()
        stopped = False

        def stop() -> None:
            nonlocal stopped
            stopped = True
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            return await task
        except asyncio.CancelledError:
            if not stopped:
                raise
            return 0

    return asyncio.run(supervised())
