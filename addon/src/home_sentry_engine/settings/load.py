"""Reading settings: one file, then ``HOME_SENTRY_*``, then the command line."""

from collections.abc import Mapping
from difflib import get_close_matches
import json
from pathlib import Path
import tomllib
from typing import Any, Final

import voluptuous as vol

from home_sentry_engine.domain.errors import HomeSentryError

from .assemble import assemble
from .schema import SCHEMA
from .slices import Settings

PREFIX: Final = "HOME_SENTRY_"
_ENVIRONMENT_ONLY: Final = frozenset({"data", "model_mirror", "test_media", "ci"})
_NEAR: Final = 0.75
_SECRET: Final = ("token", "key", "url", "password")


class InvalidSettings(HomeSentryError, ValueError):
    """A setting is unknown or out of range; the message names the key and what it may be."""


def load_settings(
    *,
    data: Path,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read a JSON or TOML file, then ``HOME_SENTRY_*``, then overrides (later wins), and check everything.

    Raises ``InvalidSettings`` naming the key and the allowed range, or the file that cannot be read.
    """
    raw: dict[str, Any] = _from_file(file) if file else {}
    raw |= _from_environment(environment or {})
    raw |= {key: value for key, value in (overrides or {}).items() if value is not None}
    mirror = (environment or {}).get(f"{PREFIX}MODEL_MIRROR")
    if mirror:
        raw.setdefault("model_mirror", mirror)
    try:
        checked: dict[str, Any] = SCHEMA(raw)
    except RecursionError as err:
        raise InvalidSettings("a setting is nested too deeply") from err
    except vol.MultipleInvalid as err:
        raise InvalidSettings("; ".join(_sentence(one, raw) for one in err.errors)) from err
    try:
        return assemble(checked, data)
    except ValueError as err:
        raise InvalidSettings(str(err)) from err


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        loaded = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as err:
        raise InvalidSettings(f"cannot read the settings file {file.name}: {err.strerror}") from err
    except (ValueError, RecursionError) as err:
        why = "it is nested too deeply" if isinstance(err, RecursionError) else err
        raise InvalidSettings(f"the settings file {file.name} is not valid: {why}") from err
    if not isinstance(loaded, dict):
        raise InvalidSettings(f"the settings file {file.name} must hold one table of settings")
    return loaded


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in environment.items():
        key = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and key not in _ENVIRONMENT_ONLY:
            values[key] = text
    return values


def _sentence(err: vol.Invalid, raw: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in err.path) or "settings"
    if str(err.error_message).startswith("extra keys"):
        near = get_close_matches(key, [str(name) for name in SCHEMA.schema], n=1, cutoff=_NEAR)
        return f"setting '{key}' is not known" + (f", perhaps '{near[0]}'?" if near else "")
    value = raw.get(str(err.path[0])) if err.path else None
    shown = "" if any(word in key for word in _SECRET) else f" (got {value!r:.80})"
    return f"setting '{key}': {err.error_message}{shown}"
