"""Log lines: one JSON object each (or plain text), with the ids that belong to them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
import logging
from typing import Any, Final, TextIO
import warnings

import orjson

from .redaction import Redactor

CONTEXT_FIELDS: Final = (
    "request_id",
    "camera_id",
    "file",
    "origin",
    "media_id",
    "event_id",
    "batch_id",
    "detection_id",
    "job_id",
    "model_id",
    "queue",
    "component",
    "code",
    "reason",
    "method",
    "route",
    "status",
    "address",
    "attempt",
    "count",
    "duration_ms",
)
_LONGEST_LINE: Final = 16_384
_LARGEST_WHOLE: Final = 2**53
# what a terminal obeys: control characters, and those that turn the direction of a text
_OBEYED: Final = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x61C,
        0x200E,
        0x200F,
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    )
}
_OBEYED_IN_LINES: Final = {code: escape for code, escape in _OBEYED.items() if code != ord("\n")}
_NO_IDS: Final[Mapping[str, str]] = {}
_IDS: Final[ContextVar[Mapping[str, str]]] = ContextVar("home_sentry_ids", default=_NO_IDS)


@contextmanager
def log_context(**ids: str | None) -> Iterator[None]:
    """Give every line that is logged inside the block (and in tasks started there) these ids of ``CONTEXT_FIELDS``."""
    mark = _IDS.set({**_IDS.get(), **{name: value for name, value in ids.items() if value is not None}})
    try:
        yield
    finally:
        _IDS.reset(mark)


@contextmanager
def request_context(request_id: str) -> Iterator[None]:
    """Give every line that is logged inside the block (and in tasks started there) this request id."""
    with log_context(request_id=request_id):
        yield


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message, the ids of ``CONTEXT_FIELDS`` and the traceback, if any.

    Secrets are taken out of each value before it is encoded, so that a line always stays JSON.
    """

    def __init__(self, redactor: Redactor) -> None:
        """Take who knows the secrets."""
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Serialise one record."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._text(record.getMessage()[:_LONGEST_LINE]),
        }
        for name, value in _context_of(record).items():
            line[name] = self._text(value) if isinstance(value, str) else value
        if record.exc_info:
            line["exception"] = self._text(self.formatException(record.exc_info)[-_LONGEST_LINE:])
        if record.stack_info:
            line["stack"] = self._text(record.stack_info[-_LONGEST_LINE:])
        return orjson.dumps(line).decode()

    def _text(self, text: str) -> str:
        return _encodable(self._redactor.clean(text))


class TextFormatter(logging.Formatter):
    """The same for people: time, level, logger, message, then ``name=value`` of the ids.

    Line breaks, and whatever else a terminal obeys, are escaped.
    """

    def __init__(self, redactor: Redactor) -> None:
        """Take who knows the secrets."""
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Write one record; only a traceback spans several lines."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        name = record.name.removeprefix("home_sentry_engine.")
        message = record.getMessage()[:_LONGEST_LINE]
        ids = "".join(f" {key}={value}" for key, value in _context_of(record).items())
        text = f"{at} {record.levelname:<7} {name}: {message}{ids}".translate(_OBEYED)
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info).translate(_OBEYED_IN_LINES)
        return _encodable(self._redactor.clean(text))


def _context_of(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = {}
    around = _IDS.get()
    for name in CONTEXT_FIELDS:
        value = getattr(record, name, None)
        if value is None:
            value = around.get(name)
        if isinstance(value, float):
            value = round(value, 3)
        if value is not None:
            plain = isinstance(value, str | float | bool) or (isinstance(value, int) and abs(value) <= _LARGEST_WHOLE)
            found[name] = value if plain else str(value)
    return found


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def configure_logging(*, level: str, form: str, stream: TextIO, redactor: Redactor) -> None:
    """Send the root logger to ``stream`` as ``json`` or ``text``; earlier handlers of the root are removed.

    Libraries stay at warning, at info where the level is ``debug``: their own debug lines spell out what pictures and
    requests carry, such as the position in a camera's metadata. Pillow's warnings would go past the log, one for each
    broken tag of a picture.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(redactor) if form == "json" else TextFormatter(redactor))
    root = logging.getLogger()
    for earlier in tuple(root.handlers):
        root.removeHandler(earlier)
    root.addHandler(handler)
    wanted = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(logging.INFO if wanted <= logging.DEBUG else max(wanted, logging.WARNING))
    logging.getLogger("home_sentry_engine").setLevel(wanted)
