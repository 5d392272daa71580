"""How text is cut into the words that can be searched; the index and the queries share it, so they always agree."""

import re
from typing import Final
import unicodedata

MOST_WORDS: Final = 2000
"""Words of one text that are searched; the rest is not."""
_LONGEST: Final = 64
_ASCII: Final = re.compile(r"[a-z0-9]+")
# Chinese and Japanese do not part words: each character is one, and a run of them is found as a phrase
_ALONE: Final = "\u3041-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_ALONE}]|[^\s{_ALONE}]+")
# voicing of kana, nukta and virama change the word; other marks are accents and points that people leave out
_KEPT_MARKS: Final = frozenset({0, 7, 8, 9})


def words_of(text: str) -> list[str]:
    """Give the words: lower case, without accents, of letters, digits and vowel signs alone, at most 64 characters."""
    found = _ASCII.findall(text.lower()) if text.isascii() else _WORD.findall(_plain(text))
    return [word[:_LONGEST] for word in found[:MOST_WORDS]]


def _plain(text: str) -> str:
    parted = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(character for character in parted if unicodedata.combining(character) in _KEPT_MARKS)
    return "".join(
        character if character.isalnum() or unicodedata.category(character)[0] == "M" else " "
        for character in unicodedata.normalize("NFC", bare)
    )
