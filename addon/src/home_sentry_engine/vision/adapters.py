"""Which task speaks with a card: by the card's task and contract."""

from collections.abc import Mapping
from typing import Final

from .catalog import Card, Task
from .models import Adapter
from .tasks.action import ClipAction, SkeletonAction
from .tasks.classify import Classifier
from .tasks.damage import DamageFinder
from .tasks.depth import DepthGauge
from .tasks.embeddings import Embedder
from .tasks.face_embeddings import FaceEmbedder
from .tasks.faces import FaceFinder
from .tasks.florence_run import FlorenceReader
from .tasks.open_vocabulary import NamedFinder
from .tasks.plate_text import SlotReader
from .tasks.plates import PlateFinder
from .tasks.pose import PoseFinder
from .tasks.quality import QualityMeter
from .tasks.segments import Segmenter
from .tasks.text import TextReader
from .tasks.zero_shot import ImageText

_BY_CONTRACT: Final[Mapping[str, type[Adapter]]] = {
    "skeleton_action": SkeletonAction,
    "clip_action": ClipAction,
    "plate_slots": SlotReader,
    "pp_ocr": TextReader,
}
_BY_TASK: Final[Mapping[Task, type[Adapter]]] = {
    Task.FACE: FaceFinder,
    Task.FACE_EMBEDDING: FaceEmbedder,
    Task.PLATE: PlateFinder,
    Task.POSE: PoseFinder,
    Task.DEPTH: DepthGauge,
    Task.SEGMENT: Segmenter,
    Task.CLASSIFY: Classifier,
    Task.IMAGE_TEXT: ImageText,
    Task.REIDENTIFY: Embedder,
    Task.CAPTION: FlorenceReader,
    Task.OPEN_VOCABULARY: NamedFinder,
    Task.DAMAGE: DamageFinder,
    Task.QUALITY: QualityMeter,
}


def adapter_of(card: Card) -> type[Adapter] | None:
    """Give the adapter that a model on demand is used with; None for detectors and language models."""
    return _BY_CONTRACT.get(card.contract) or _BY_TASK.get(card.task)
