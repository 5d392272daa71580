"""Which models a person switched on or off, and to which licence they agreed; kept beside the files."""

from collections.abc import Mapping
from dataclasses import dataclass
import json
import logging
import os
from pathlib import Path
import threading
from typing import Final

from home_sentry_engine.vision.catalog import Card

from .errors import LicenceNotAccepted

_LOGGER = logging.getLogger(__name__)
_FILE_NAME: Final = "models.switches.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    on: bool
    licence: str


class Switches:
    """A person's choices by model id; they outlive the process. Thread-safe.

    A choice holds for the licence that the card named then: a card with another licence asks again. The file is read
    again when it changed, so that a running engine follows the command line.
    """

    def __init__(self, folder: Path) -> None:
        """Read the choices of ``folder`` if there are any."""
        self._path = folder / _FILE_NAME
        self._lock = threading.Lock()
        self._stamp: int | None = None
        self._choices: Mapping[str, _Choice] = {}

    def choice(self, card: Card) -> bool | None:
        """Tell whether a person switched this model on or off; None = nobody chose, or its licence changed."""
        with self._lock:
            self._refresh()
            chosen = self._choices.get(card.id)
        if chosen is None or (chosen.on and chosen.licence != card.licence):
            return None
        return chosen.on

    def switch_on(self, card: Card, *, accepted: str | None = None) -> None:
        """Keep that a model may run; raises ``LicenceNotAccepted`` unless ``accepted`` names a restricted licence."""
        require_licence(card, accepted)
        self._keep(card, on=True)

    def switch_off(self, card: Card) -> None:
        """Keep that a model may not run."""
        self._keep(card, on=False)

    def _keep(self, card: Card, *, on: bool) -> None:
        with self._lock:
            self._refresh()
            self._choices = {**self._choices, card.id: _Choice(on=on, licence=card.licence)}
            body = {name: {"on": one.on, "licence": one.licence} for name, one in self._choices.items()}
            temporary = self._path.with_name(f"{_FILE_NAME}.{os.getpid()}.tmp")
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(body, indent=1, sort_keys=True), encoding="utf-8")
            temporary.replace(self._path)
            self._stamp = self._path.stat().st_mtime_ns

    def _refresh(self) -> None:
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp == self._stamp:
                return
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            self._choices = {
                str(name): _Choice(on=one["on"] is True, licence=str(one["licence"])) for name, one in raw.items()
            }
            self._stamp = stamp
        except FileNotFoundError:
            self._choices, self._stamp = {}, None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
            # a damaged file switches nothing on
            self._choices = {}
            _LOGGER.warning("the file of switched models cannot be read: %s", err)


def require_licence(card: Card, accepted: str | None) -> None:
    """Raise ``LicenceNotAccepted`` where a card is not permissive and ``accepted`` does not repeat its licence."""
    if not card.permissive and accepted != card.licence:
        raise LicenceNotAccepted(
            f"{card.name} comes under the licence {card.licence!r}, which not everybody may use for everything;"
            " read it and accept it by its name",
            code="licence",
        )
