"""Keeps secrets out of everything that is written down."""

from collections.abc import Iterable
import logging
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
            (?: "[^"]*" | '[^']*' | [^\s,;&}"']+ )"""
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


class RedactingFormatter(logging.Formatter):
    """Cleans what another formatter made, so that messages, arguments and tracebacks are all covered."""

    def __init__(self, inner: logging.Formatter, redactor: Redactor) -> None:
        """Wrap the formatter that does the work."""
        super().__init__()
        self._inner = inner
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Format and clean one record."""
        return self._redactor.clean(self._inner.format(record))
