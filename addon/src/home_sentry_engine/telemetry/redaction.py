"""Keeps secrets out of everything that is written down."""

from collections.abc import Iterable
import re
from typing import Final

REDACTED: Final = "[redacted]"
_SHORTEST_SECRET: Final = 6
_SHORTEST_NAME: Final = 3
_BETWEEN: Final = r"[\s\-.·]*"
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {REDACTED}"),
    (
        re.compile(
            r"""(?ix) (["']?\b
            (?:access_|auth_|api_?|supervisor_|llm_api_|detector_|enrichment_|florence_|clip_|mqtt_|signing_)?
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
        self._names: dict[str, re.Pattern[str]] = {}
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Replace this exact text from now on; one under six characters is ignored, it would eat ordinary words."""
        if len(secret) >= _SHORTEST_SECRET:
            self._secrets.add(secret)

    def hide(self, names: Iterable[str]) -> None:
        """Replace these names and number plates from now on, as whole words however they are spaced or capitalised."""
        for name in names:
            signs = [sign for sign in name if sign.isalnum()]
            if len(signs) >= _SHORTEST_NAME:
                spelled = _BETWEEN.join(re.escape(sign) for sign in signs)
                self._names[name] = re.compile(rf"(?<!\w){spelled}(?!\w)", re.IGNORECASE)

    def clean(self, text: str) -> str:
        """Give the text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        for name in tuple(self._names.values()):
            text = name.sub(REDACTED, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text
