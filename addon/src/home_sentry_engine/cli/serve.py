"""``home-sentry serve``: run the engine until a signal."""

import argparse
import asyncio
import os
from pathlib import Path
import sys
from typing import Any, Final

from home_sentry_engine import __version__
from home_sentry_engine.api.tokens import TOKEN_FILE
from home_sentry_engine.app.engine import Engine
from home_sentry_engine.app.parts import Surroundings
from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.identity import random_id
from home_sentry_engine.operations.certificate import grouped
from home_sentry_engine.operations.thrift import give_back, share_heaps
from home_sentry_engine.settings import Settings
from home_sentry_engine.telemetry.redaction import Redactor

from .common import add_data_option, run_until_signal, settings_of, start_logging

_BEGIN_ANEW: Final = 75


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "serve", help="run the engine", description="Run the engine until a signal ends it."
    )
    add_data_option(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as options.json or TOML")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for any free one (default: 8093)")
    parser.add_argument("--cameras", type=Path, metavar="DIR", help="folder with one sub-folder per camera")
    parser.add_argument("--no-llm", action="store_true", help="judge by rules alone")
    parser.add_argument(
        "--behind-app-network",
        action="store_true",
        help="the address is only reachable inside Home Assistant's app network: plain HTTP is fine there",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Start the engine; 0 after a signal, 1 where it cannot start."""
    overrides: dict[str, Any] = {
        "host": arguments.host,
        "port": arguments.port,
        "camera_root": str(arguments.cameras.absolute()) if arguments.cameras else None,
        "llm": False if arguments.no_llm else None,
        "assessor": "text" if arguments.no_llm else None,
        "app_network": True if arguments.behind_app_network else None,
    }
    settings = settings_of(arguments, overrides)
    redactor = start_logging(settings)
    share_heaps()
    status = run_until_signal(lambda: _serve(settings, redactor))
    if status == _BEGIN_ANEW:
        # the same program in the same process: whoever watches over it sees no end
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 its own command line
    return status


async def _serve(settings: Settings, redactor: Redactor) -> int:
    supervisor_token = os.environ.get("SUPERVISOR_TOKEN")
    redactor.learn(supervisor_token or "")
    around = Surroundings(
        clock=SystemClock(),
        ids=random_id,
        supervisor_token=supervisor_token,
        hide=redactor.hide,
        learn=redactor.learn,
    )
    async with Engine(settings, around=around) as engine:
        token = await asyncio.to_thread(_token, settings.data / TOKEN_FILE)
        redactor.learn(token or "")
        _greet(engine, settings, token if engine.token_made else None)
        give_back()
        await engine.run()
        exhausted = engine.wellbeing.exhausted.is_set()
    return _BEGIN_ANEW if exhausted else 0


def _token(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return None


def _greet(engine: Engine, settings: Settings, new_token: str | None) -> None:
    lines = [f"Home Sentry engine {__version__}"]
    if "api" in settings.roles:
        lines += [f"  address   {engine.url}", f"  token     is in {settings.data / TOKEN_FILE}"]
        certificate = engine.secured.certificate if engine.secured is not None else None
        if certificate is not None:
            lines.append(f"  SHA-256   {grouped(certificate.fingerprint)} (fingerprint of the certificate)")
    # what is not a terminal is a log, which keeps what it is told
    if new_token is not None and sys.stdout.isatty():
        lines.append(f"            shown this once: {new_token}")
    lines.append(f"  cameras   {settings.ingest.camera_root} (one sub-folder per camera)")
    for component in engine.board.components():
        if component.state not in {ComponentState.HEALTHY, ComponentState.STARTING}:
            reason = (component.reason or "").removeprefix(f"{component.state}: ")
            lines.append(f"  {component.id:<9} {component.state}: {reason}")
    print("\n".join(lines), flush=True)
