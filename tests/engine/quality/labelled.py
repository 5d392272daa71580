"""Labelled pictures below the test media folder."""

from dataclasses import dataclass
from pathlib import Path
import xml.etree.ElementTree as ET

from PIL import Image

from home_sentry_engine.domain.labels import canonical_label
from tests.engine.quality.scoring import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    file: Path
    truths: tuple[Truth, ...]


def voc(media: Path) -> list[Labelled]:
    """Pictures of VOC 2012 with all their objects."""
    pictures = []
    for notes in sorted((media / "labels" / "voc2012").glob("*.xml")):
        truths = []
        for node in ET.parse(notes).getroot().iter("object"):
            box = node.find("bndbox")
            assert box is not None
            left, top, right, bottom = (float(box.findtext(side) or "nan") for side in ("xmin", "ymin", "xmax", "ymax"))
            truths.append(
                Truth(
                    label=canonical_label(node.findtext("name") or ""),
                    corners=(left, top, right, bottom),
                    difficult=node.findtext("difficult") == "1",
                )
            )
        pictures.append(Labelled(file=media / "images" / "voc2012" / f"{notes.stem}.jpg", truths=tuple(truths)))
    return pictures


def coco_persons(media: Path) -> list[Labelled]:
    """Pictures of COCO val2017 whose persons are labelled."""
    pictures = []
    for notes in sorted((media / "labels" / "coco_val2017_person_keypoints").glob("*.txt")):
        file = media / "images" / "coco_val2017" / f"{notes.stem}.jpg"
        with Image.open(file) as picture:
            width, height = picture.size
        truths = []
        for line in notes.read_text().splitlines():
            _, cx, cy, wide, high = (float(word) for word in line.split()[:5])
            truths.append(
                Truth(
                    label="person",
                    corners=(
                        (cx - wide / 2) * width,
                        (cy - high / 2) * height,
                        (cx + wide / 2) * width,
                        (cy + high / 2) * height,
                    ),
                )
            )
        pictures.append(Labelled(file=file, truths=tuple(truths)))
    return pictures
