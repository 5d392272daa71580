"""Writing a card as the TOML that ``parse_cards`` reads."""

from collections.abc import Mapping
from enum import Enum
import json

from .card import Card, ImageInput


def card_text(card: Card) -> str:
    """Give a card as TOML."""
    lines = ["[[card]]"]
    fields: dict[str, object] = {
        "id": card.id,
        "name": card.name,
        "task": card.task,
        "contract": card.contract,
        "licence": card.licence,
        "labels": list(card.own_labels) if card.own_labels else card.label_set,
        "rank": card.rank,
        "memory_bytes": card.memory_bytes,
        "memory_estimated": card.memory_estimated or None,
        "default_on": card.default_on,
        "note": card.note,
        "variant_of": card.variant_of,
        "resident_from_gb": card.resident_from_gb,
        "unconfirmed": list(card.unconfirmed) or None,
        "source": {
            "host": card.source.host, "repository": card.source.repository, "revision": card.source.revision,
        },
        "quirks": dict(card.quirks),
        "image": _image(card.image) if card.image is not None else None,
    }  # fmt: skip
    lines += [f"{key} = {_value(value)}" for key, value in fields.items() if value is not None]
    for file in card.files:
        known = {
            "name": file.name, "path": file.path, "role": file.role, "bytes": file.size_bytes, "sha256": file.sha256,
        }  # fmt: skip
        lines += ["", "[[card.files]]"]
        lines += [f"{key} = {_value(value)}" for key, value in known.items() if value is not None]
    return "\n".join(lines) + "\n"


def _image(image: ImageInput) -> dict[str, object]:
    return {
        "size": [image.width, image.height],
        "colour": image.colour,
        "resize": image.resize,
        "pad_value": image.pad_value,
        "scale": image.scale,
        "mean": list(image.mean),
        "std": list(image.std),
        "resample": image.resample,
        "layout": image.layout,
    }


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return json.dumps(value.value)
        case Mapping():
            inside = ", ".join(f"{key} = {_value(one)}" for key, one in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case list() | tuple():
            return f"[{', '.join(_value(one) for one in value)}]"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return repr(value)
