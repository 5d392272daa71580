"""A tiny tokenizer, written as the real ones are: one JSON file."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace


def tokenizer(path: Path, words: Sequence[str], *, special: Sequence[str] = ("<s>", "<pad>", "</s>")) -> Path:
    """Write a tokenizer in which ``special`` come first, then ``words``; all else is ``<unk>``."""
    names = [*special, "<unk>", *words]
    made = Tokenizer(WordLevel({name: at for at, name in enumerate(names)}, unk_token="<unk>"))
    made.pre_tokenizer = Whitespace()
    made.add_special_tokens([AddedToken(name, normalized=False) for name in special])
    made.save(str(path))
    return path
