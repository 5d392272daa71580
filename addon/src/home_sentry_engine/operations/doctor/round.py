"""Runs every look, each guarded: a library that does not load is a finding, not the end."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Final

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.settings import Settings

from .findings import Finding, fail

_DEADLINE_S: Final = 120.0
_SET_UP: Final = "install the engine again (scripts/setup, or pull the container image again)"
_LOOKS: Final = (
    *("machine", "places", "database", "graphics", "runtime", "decoders", "detector", "language"),
    *("vision", "network", "mqtt", "stray"),
)


type Load = Callable[[str], ModuleType]


def _load(name: str) -> ModuleType:
    return import_module(f".{name}", __package__)


async def examine(settings: Settings, load: Load = _load) -> tuple[Finding, ...]:
    """Look at machine, places, database, GPU, libraries, models and network, in this order; changes nothing."""
    findings: list[Finding] = []
    for name in _LOOKS:
        findings.extend(await _look(name, settings, load))
    return tuple(findings)


async def _look(name: str, settings: Settings, load: Load) -> tuple[Finding, ...]:
    try:
        module = await asyncio.to_thread(load, name)
        async with asyncio.timeout(_DEADLINE_S):
            found: tuple[Finding, ...] = await module.look(settings)
    except ImportError as err:
        return (fail(name, f"a library does not load: {err}", _SET_UP),)
    except TimeoutError:
        return (fail(name, f"no answer within {_DEADLINE_S:.0f} s", "look at the machine's load and its disks"),)
    except (HomeSentryError, OSError) as err:
        return (fail(name, str(err), _SET_UP),)
    return found
