"""``home-sentry openapi``: the API's description."""

import argparse
from typing import Any

from home_sentry_engine.api.ports import Ports
from home_sentry_engine.api.server import ApiServer, Surroundings
from home_sentry_engine.api.tokens import TokenKeys
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.identity import random_id
from home_sentry_engine.settings import ApiSettings
from home_sentry_engine.telemetry.metrics import Registry

from .display import print_json


class _Nobody:
    """Stands behind every port; whatever is taken out of it is nobody too."""

    def __getattr__(self, _name: str) -> Any:
        return self


def add_parser(commands: Any) -> None:
    """Add the command."""
    text = "print the OpenAPI 3.1 document of the API"
    parser = commands.add_parser("openapi", help=text, description=text)
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Describe a server that never listens, so nothing behind its routes is ever asked."""
    nobody: Any = _Nobody()
    ports = Ports(**dict.fromkeys(Ports.__dataclass_fields__, nobody))
    surroundings = Surroundings(clock=SystemClock(), request_id=random_id, metrics=Registry())
    server = ApiServer(ApiSettings(), ports, lambda: TokenKeys(current=""), surroundings)
    print_json(server.describe())
    return 0
