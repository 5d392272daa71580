"""The plain sides of the quality benchmark: what a short script gets from the same graphs, without the tasks."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.domain.labels import COCO_80
from home_sentry_engine.vision.session import Session, choose_provider, open_session
from home_sentry_engine.vision.tasks.pictures import Frame

from .scoring import Guess

type Corners = tuple[float, float, float, float]

_SIDE: Final = 640
_POSE_SIDE: Final = 192
_FACE_CONFIDENCE, _FACE_SAME, _FACE_TOP = 0.6, 0.3, 5000
_PLATE_SIZE, _PLATE_CONFIDENCE = (320, 240), 0.6
_PERSON_SIZE: Final = (128, 256)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def opened(path: Path) -> Session:
    """Load a graph on the processor with its default threads."""
    return open_session(path, choice=choose_provider("cpu", ("cpu",)))


def objects(session: Session, frame: Frame, least: float) -> tuple[Guess, ...]:
    """Give what a graph of the official RT-DETR export answers, class by class, without any rule about same boxes."""
    side = session.inputs[0].shape[-1] or _SIDE
    small = np.asarray(Image.fromarray(frame.pixels).resize((side, side), Image.Resampling.BILINEAR), np.float32) / 255
    feeds = {
        session.input_names[0]: np.ascontiguousarray(small.transpose(2, 0, 1)[np.newaxis]),
        session.input_names[1]: np.asarray([[frame.width, frame.height]], np.int64),
    }
    named = {name: value[0] for name, value in zip(session.output_names, session.run(feeds), strict=True)}
    found: list[Guess] = []
    for label, corners, score in zip(named["labels"], named["boxes"], named["scores"], strict=True):
        try:
            left, top, right, bottom = (float(value) for value in corners)
            box = Box.from_corners((left, top, right, bottom), image=(frame.width, frame.height))
        except InvalidBoundingBoxError:
            continue
        if score >= least:
            found.append(Guess(label=COCO_80[int(label)], confidence=float(score), box=box))
    return tuple(found)


def pose(session: Session, frame: Frame, corners: Corners) -> NDArray[np.float64]:
    """Give [17,2] joints in pixels from MoveNet: cut, pad to a square, resize, run."""
    left, top, right, bottom = (round(value) for value in corners)
    picture = Image.fromarray(frame.pixels).crop((left, top, right, bottom))
    side = max(picture.size)
    square = Image.new("RGB", (side, side))
    shift = ((side - picture.width) // 2, (side - picture.height) // 2)
    square.paste(picture, shift)
    small = np.asarray(square.resize((_POSE_SIDE, _POSE_SIDE), Image.Resampling.BILINEAR))
    (value,) = session.run({session.input_names[0]: small[np.newaxis]})
    found = np.asarray(value[0, 0, :, 1::-1], np.float64) * side
    return np.asarray(found + np.asarray((left - shift[0], top - shift[1])))


def faces(model: Path, frame: Frame) -> list[Corners]:
    """Give the boxes of OpenCV's own face detector on the whole picture."""
    finder = cv2.FaceDetectorYN.create(
        str(model), "", (frame.width, frame.height), _FACE_CONFIDENCE, _FACE_SAME, _FACE_TOP
    )
    rows: NDArray[Any] | None = finder.detect(np.ascontiguousarray(frame.pixels[:, :, ::-1]))[1]
    return [(row[0], row[1], row[0] + row[2], row[1] + row[3]) for row in ([] if rows is None else rows.tolist())]


def has_plate(session: Session, frame: Frame) -> bool:
    """Tell whether LPD-YuNet's strongest cell, undecoded, takes the stretched picture for one with a plate."""
    small = np.asarray(Image.fromarray(frame.pixels).resize(_PLATE_SIZE, Image.Resampling.BILINEAR), np.float32)
    tensor = np.ascontiguousarray(small[:, :, ::-1].transpose(2, 0, 1)[np.newaxis])
    named = dict(zip(session.output_names, session.run({session.input_names[0]: tensor}), strict=True))
    scores = np.sqrt(named["conf"][:, 1] * np.clip(named["iou"][:, 0], 0, 1))
    return bool(scores.max() >= _PLATE_CONFIDENCE)


def embedding(session: Session, frame: Frame, corners: Corners) -> NDArray[np.float32]:
    """Give a vector of length 1 from a re-identification graph: Intel's input where colour comes last, else OSNet's."""
    left, top, right, bottom = (round(value) for value in corners)
    picture = Image.fromarray(frame.pixels).crop((left, top, right, bottom))
    small = np.asarray(picture.resize(_PERSON_SIZE, Image.Resampling.BILINEAR), np.float32)
    if session.inputs[0].shape[-1] == 3:
        tensor = small[:, :, ::-1]
    else:
        tensor = ((small / 255 - np.asarray(_MEAN)) / np.asarray(_STD)).transpose(2, 0, 1).astype(np.float32)
    (value,) = session.run({session.input_names[0]: np.ascontiguousarray(tensor[np.newaxis])})
    return np.asarray(value.ravel() / np.linalg.norm(value), np.float32)
