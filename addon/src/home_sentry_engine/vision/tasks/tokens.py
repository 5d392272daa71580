"""Words to numbers and back, by the tokenizer file that a model brings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.lazy import lazy

from .errors import UnsupportedGraph

if TYPE_CHECKING:
    import tokenizers
else:
    tokenizers = lazy("tokenizers")


class Words:
    """A tokenizer; ``length`` fixes how many tokens every text has, 0 leaves each as long as it is. Thread-safe."""

    def __init__(self, path: Path, *, length: int = 0, pad_id: int | None = None) -> None:
        """Read the file; ``pad_id`` None takes what the file says, else 0. Raises ``UnsupportedGraph``."""
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as err:
            raise UnsupportedGraph(f"{path.name} is no tokenizer: {err}", code="bad_tokenizer") from err
        own = self._tokenizer.padding or {}
        self._tokenizer.no_padding()
        if length:
            pad = pad_id if pad_id is not None else int(own.get("pad_id", 0))
            self._tokenizer.enable_truncation(length)
            self._tokenizer.enable_padding(length=length, pad_id=pad)

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give ids and mask [texts, tokens]; without a fixed length the texts must be equally long."""
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.asarray([one.ids for one in encoded], np.int64)
        return ids, np.asarray([one.attention_mask for one in encoded], np.int64)

    def spans(self, text: str) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
        """Give the ids [1, tokens] of one text and where in it each token stands."""
        encoded = self._tokenizer.encode(text)
        return np.asarray([encoded.ids], np.int64), list(encoded.offsets)

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of ids, special tokens included."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))
