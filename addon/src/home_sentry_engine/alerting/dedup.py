"""Keys by which alerts are known to be the same: templates with a closed list of names, and a closed charset."""

from collections.abc import Mapping
import re
from typing import Final

from home_sentry_engine.domain.errors import HomeSentryError

NAMES: Final = frozenset({"camera_id", "rule_id", "object_type", "zone_id", "subject"})
LONGEST: Final = 200
_NAME: Final = re.compile(r"\{([^{}]*)\}")
_LITERAL: Final = re.compile(r"[A-Za-z0-9_:-]*")
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_:-]")


class InvalidTemplate(HomeSentryError, ValueError):
    """The template makes no key; the text says why."""


def checked_template(template: str) -> str:
    """Give the template as it is; raises ``InvalidTemplate``."""
    unknown = sorted(set(_NAME.findall(template)) - NAMES)
    if unknown:
        raise InvalidTemplate(f"the dedup key may name {', '.join(sorted(NAMES))}, not {unknown[0][:32]!r}")
    if not template or len(template) > LONGEST or not _LITERAL.fullmatch(_NAME.sub("", template)):
        raise InvalidTemplate(f"a dedup key has 1 to {LONGEST} letters, digits, _ : - and names in braces")
    return template


def key_of(template: str, values: Mapping[str, str]) -> str:
    """Give the key: letters, digits, ``_ : -``, at most 200; anything else in a value becomes ``_``.

    Raises ``InvalidTemplate``; a name without a value reads ``any``.
    """
    checked_template(template)

    def said(name: re.Match[str]) -> str:
        return _FOREIGN.sub("_", values.get(name[1], "")) or "any"

    return _NAME.sub(said, template)[:LONGEST]
