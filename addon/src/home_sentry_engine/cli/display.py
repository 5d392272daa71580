"""How commands print: tables, sizes, one JSON document."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
import logging
from typing import Any, Final

import orjson

_ENGINE_LOG: Final = "home_sentry_engine"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the engine's warnings back: the command tells of them in its own words."""
    logger = logging.getLogger(_ENGINE_LOG)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns as wide as their widest cell; None is shown as a dash."""
    cells = [[*heads], *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def print_json(document: Any) -> None:
    """Print dataclasses, mappings and lists as one indented JSON document."""
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode())


def megabytes(size_bytes: int | None) -> str:
    """Write a size for people, a dash for an unknown one."""
    return "-" if size_bytes is None else f"{size_bytes / 1e6:,.1f} MB"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
