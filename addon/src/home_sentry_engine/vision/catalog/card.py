"""Cards: everything that is known about one model, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.labels import COCO_80

_COCO_91_IDS: Final = (
    *range(1, 12), *range(13, 26), 27, 28, *range(31, 45), *range(46, 66), 67, 70, *range(72, 83), *range(84, 91)
)  # fmt: skip
_COCO_91: Final = tuple(
    COCO_80[_COCO_91_IDS.index(index)] if index in _COCO_91_IDS else "" for index in range(max(_COCO_91_IDS) + 1)
)
_VOC_21: Final = (
    "background", "airplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table",
    "dog", "horse", "motorcycle", "person", "potted plant", "sheep", "couch", "train", "tv",
)  # fmt: skip
PERMISSIVE: Final = frozenset(
    {"Apache-2.0", "MIT", "BSD-3-Clause", "NVIDIA Nemotron Open Model License", "NVIDIA Open Model License"}
)
RANKS: Final = ("low", "medium", "high", "critical")
LABEL_SETS: Final[Mapping[str, tuple[str, ...]]] = {"coco80": COCO_80, "coco91": _COCO_91, "voc21": _VOC_21, "none": ()}

_COMMIT: Final = 40


class InvalidCard(HomeSentryError, ValueError):
    """A card lacks a field or holds an impossible value; the message names card and field."""


class Task(StrEnum):
    """What a model is for."""

    DETECT = "detect"
    FACE = "face"
    FACE_EMBEDDING = "face_embedding"
    PLATE = "plate"
    TEXT = "text"
    POSE = "pose"
    DEPTH = "depth"
    SEGMENT = "segment"
    CLASSIFY = "classify"
    IMAGE_TEXT = "image_text"
    REIDENTIFY = "reidentify"
    CAPTION = "caption"
    OPEN_VOCABULARY = "open_vocabulary"
    ACTION = "action"
    DAMAGE = "damage"
    QUALITY = "quality"
    LANGUAGE = "language"
    VISION_LANGUAGE = "vision_language"


class Colour(StrEnum):
    """Order of the colour planes that a model wants."""

    RGB = "rgb"
    BGR = "bgr"


class Resize(StrEnum):
    """How a picture becomes the input size.

    Aspect ignored; kept with padding right and below, or all round; or the shorter side fitted and the middle taken.
    """

    STRETCH = "stretch"
    LETTERBOX_TOP_LEFT = "letterbox_top_left"
    LETTERBOX_CENTRE = "letterbox_centre"
    CROP_CENTRE = "crop_centre"


class Resample(StrEnum):
    """Filter of the resize, both with antialiasing as Pillow does it."""

    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


class Layout(StrEnum):
    """Order of the input's axes."""

    NCHW = "nchw"
    NHWC = "nhwc"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInput:
    """Input of an image model: ``(pixel * scale - mean) / std`` per plane, values after ``scale``.

    ``mean`` and ``std`` stand in the order of ``colour``; whole-number inputs get ``pixel * scale`` alone.
    """

    width: int
    height: int
    colour: Colour = Colour.RGB
    resize: Resize = Resize.STRETCH
    pad_value: int = 114
    scale: float = 1.0 / 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resample: Resample = Resample.BILINEAR
    layout: Layout = Layout.NCHW


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFile:
    """One file: ``name`` in the store and in a mirror, ``path`` at the source; None = not known beforehand.

    ``role`` tells the files of one model apart (``vision``, ``text``, ``tokenizer``); a graph's file ends in ``.onnx``.
    """

    name: str
    path: str
    role: str = "main"
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Public home of a model; ``host`` is ``huggingface``, ``github``, ``release``, ``package``, ``local`` or ``none``.

    ``local`` models were made here from another one, which ``repository`` names. ``revision`` is a commit, a tag
    (``release``), a version (``package``) or a branch where no commit is known. Files of a ``package`` lie inside the
    installed Python package that ``repository`` names.
    """

    host: str
    repository: str
    revision: str

    @property
    def moves(self) -> bool:
        """Whether other files may be there tomorrow: the revision is a branch."""
        commit = 7 <= len(self.revision) <= _COMMIT and set(self.revision) <= set("0123456789abcdef")
        return self.host in {"huggingface", "github"} and not commit

    def url(self, path: str) -> str | None:
        """Give the address of a file of this source; None where the source serves no files."""
        repository, revision, tail = self.repository, quote(self.revision, safe=""), quote(path)
        match self.host:
            case "huggingface":
                return f"https://huggingface.co/{repository}/resolve/{revision}/{tail}"
            case "github":
                return f"https://github.com/{repository}/raw/{revision}/{tail}"
            case "release":
                return f"https://github.com/{repository}/releases/download/{revision}/{tail}"
            case _:
                return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One model of the catalogue.

    ``contract`` names the shape of its inputs and outputs (the task knows it), ``quirks`` are hints for the task or the
    session, ``memory_bytes`` is what a loaded model takes, measured where we could and otherwise as published (None =
    unknown until first loaded); ``memory_estimated`` marks 30 MB and twice the files, or more where its pictures are
    large, which measured graphs of 20 to 340 MB took. ``rank`` says how long it stays when memory is short, from
    ``critical`` to ``low``. ``variant_of`` is the card whose weights this one holds in another form (INT8). On machines
    with at least ``resident_from_gb`` of graphics memory (0 = any machine) the model stays in memory though it idles.
    ``unconfirmed`` names what nobody read at the source itself: ``licence`` (as others state it), ``source`` (the place
    of the file; a first download that succeeds pins its sha256).
    """

    id: str
    name: str
    task: Task
    contract: str
    licence: str
    source: Source
    files: tuple[CardFile, ...]
    image: ImageInput | None = None
    label_set: str = "none"
    own_labels: tuple[str, ...] = ()
    rank: str = "medium"
    memory_bytes: int | None = None
    memory_estimated: bool = False
    default_on: bool = False
    note: str = ""
    variant_of: str | None = None
    resident_from_gb: int | None = None
    unconfirmed: tuple[str, ...] = ()
    quirks: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names by index; an empty name is an index that the model never means."""
        return self.own_labels or LABEL_SETS[self.label_set]

    @property
    def permissive(self) -> bool:
        """Whether anybody may use it for anything; all else is off until a person has read the licence."""
        return self.licence in PERMISSIVE

    def files_of(self, role: str) -> tuple[CardFile, ...]:
        """Give the files of one role."""
        return tuple(file for file in self.files if file.role == role)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all files, None while one of them is unknown."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)
