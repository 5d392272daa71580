"""Keeps secrets out of everything that is written down."""

from collections.abc import Iterable
import re
from typing import Final

REDACTED: Final = "[redacted]"
_SHORTEST_SECRET: Final = 6
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {REDACTED}"),
    (
        re.compile(
            r"""(?ix) (["']?\b (?:access_|auth_|api_?|supervisor_|llm_api_)?
            (?:token|password|passwd|secret|key|authorization) ["']? \s* [=:] \s*)
            (?: "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [^\s,;&}"']+ )"""
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]*@"), rf"\1{REDACTED}@"),
)


class Redactor:
    """Replaces known secrets and whatever looks like one: bearer values, ``token=…``, credentials in addresses."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Start with the secrets that are known already."""
        self._secrets: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Replace this exact text from now on; one under six characters is ignored, it would eat ordinary words."""
        if len(secret) >= _SHORTEST_SECRET:
            self._secrets.add(secret)

    def clean(self, text: str) -> str:
        """Give the text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text
