"""Texts of people and models as they may stand in a message: one line, no control characters, no live link."""

import re
from typing import Final
import unicodedata

_BREAKS: Final = frozenset("\r\n\t\v\f\x85\u2028\u2029")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs"})
_SCHEME: Final = re.compile(r"\b([a-z][a-z0-9+.\-]{0,20}):(?=/)", re.IGNORECASE)
_BARE_SCHEME: Final = re.compile(r"\b(data|javascript|mailto|tel|sms|vbscript):", re.IGNORECASE)
# what mail programs take for a host name or an address although no scheme stands before it
_HOST: Final = re.compile(r"(?<=[\w\-])\.(?=[a-z\u00a1-\uffff][\w\-]*)", re.IGNORECASE)
_AT: Final = re.compile(r"(?<=\S)@(?=\S)")
# Markdown's brackets and the braces of templates; whoever renders what is sent finds nothing to render
_NEUTRAL: Final = str.maketrans("{}[]`", "()()'")


def shown(text: str, cap: int) -> str:
    """Make a text safe to send, at most ``cap`` characters long; it can be read and not followed."""
    folded = unicodedata.normalize("NFKC", text[: cap * 4])
    line = "".join(
        " " if one in _BREAKS else one for one in folded if one in _BREAKS or unicodedata.category(one) not in _UNSEEN
    )
    line = _BARE_SCHEME.sub(r"\1 :", _SCHEME.sub(r"\1 :", line.translate(_NEUTRAL)))
    line = _AT.sub(" (at) ", _HOST.sub(" .", line))
    line = " ".join(line.split())
    return line if len(line) <= cap else f"{line[: cap - 1].rstrip()}…"
