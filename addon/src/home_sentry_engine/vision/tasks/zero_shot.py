"""Pictures and sentences in one space: embeddings of pictures, and which sentence fits a picture best.

CLIP: Radford et al. 2021; SigLIP: Zhai et al. 2023. Shares are a softmax over the sentences that were asked for, so
they say which fits best and not whether any fits.
"""

from collections import OrderedDict
from collections.abc import Mapping
import threading
from typing import Final

import numpy as np

from home_sentry_engine.vision.session import Cancel

from .classify import Ranked, rank
from .embeddings import Embedding, unit
from .errors import UnsupportedGraph
from .graph import Array, Graph, Loaded, answer
from .inputs import input_size, look
from .pictures import Frame
from .tokens import Words

_IMAGE_NAMES: Final = ("image_embeds", "pooler_output")
_TEXT_NAMES: Final = ("text_embeds", "pooler_output")
_KEPT_SENTENCES: Final = 512


class ImageText:
    """Looks with one graph and reads with the other; ``same_above`` is the model's own threshold for "the same"."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graphs; raises ``UnsupportedGraph``."""
        self._clip = loaded.contract("clip", "siglip") == "clip"
        self._eye, self._reader = loaded.graph("vision"), loaded.graph("text")
        self._image, self.model_id = loaded.image, loaded.card.id
        self._size = input_size(self._eye, self._image)
        self._eye_output, self._text_output = (
            _named(loaded, self._eye, _IMAGE_NAMES),
            _named(loaded, self._reader, _TEXT_NAMES),
        )
        self.dimension = int(loaded.number("dimension", 0))
        self.same_above = loaded.number("same_above", 1.0)
        self._scale = loaded.number("logit_scale", 100.0)
        pad = loaded.card.quirks.get("pad_id")
        self._words = Words(
            loaded.path("tokenizer"),
            length=int(loaded.number("context_tokens", 64)),
            pad_id=None if pad is None else int(pad),
        )
        self._sentences: OrderedDict[str, Array] = OrderedDict()
        self._lock = threading.Lock()

    def canary(self, frame: Frame) -> None:
        """Look and read once; raises ``StageError``."""
        self.rank(frame, {"a": "a photo of a house", "b": "a photo of a person"})

    def embed(self, frame: Frame, *, cancel: Cancel | None = None) -> Embedding:
        """Look at one picture; blocks, raises ``StageError``."""
        named = look(self._eye, frame, self._image, size=self._size, cancel=cancel)
        return unit(named[self._eye_output], self.model_id, self.dimension)

    def read(self, sentence: str, *, cancel: Cancel | None = None) -> Embedding:
        """Read one sentence; what was read before is remembered."""
        with self._lock:
            known = self._sentences.get(sentence)
            if known is not None:
                self._sentences.move_to_end(sentence)
        if known is None:
            # SigLIP was trained on lower case only
            ids, mask = self._words.encode([sentence if self._clip else sentence.lower()])
            known = answer(self._reader, _text_feeds(self._reader, ids, mask), cancel)[self._text_output]
            with self._lock:
                self._sentences[sentence] = known
                while len(self._sentences) > _KEPT_SENTENCES:
                    self._sentences.popitem(last=False)
        return unit(known, self.model_id, self.dimension)

    def rank(self, frame: Frame, sentences: Mapping[str, str], *, cancel: Cancel | None = None) -> Ranked:
        """Rank labels by how well their sentences fit the picture; blocks, raises ``StageError``."""
        seen = self.embed(frame, cancel=cancel)
        return self.rank_embedding(seen, sentences, cancel=cancel)

    def rank_embedding(self, seen: Embedding, sentences: Mapping[str, str], *, cancel: Cancel | None = None) -> Ranked:
        """Rank labels for a picture that was looked at before; raises ``MixedEmbeddings`` for another model's."""
        fits = [seen.similarity(self.read(sentence, cancel=cancel)) for sentence in sentences.values()]
        return rank(np.asarray(fits) * self._scale, tuple(sentences), self.model_id)


def _named(loaded: Loaded, graph: Graph, names: tuple[str, ...]) -> str:
    have = [info.name for info in graph.outputs]
    found = next((name for name in names if name in have), None)
    if found is None:
        raise UnsupportedGraph(
            f"{loaded.card.id} gives {', '.join(have)}, none of {', '.join(names)}", code="unsupported_graph"
        )
    return found


def _text_feeds(graph: Graph, ids: Array, mask: Array) -> dict[str, Array]:
    given = {"input_ids": ids, "attention_mask": mask}
    return {info.name: given[info.name].astype(info.dtype) for info in graph.inputs if info.name in given}
