"""Names of objects: COCO order, aliases of other label sets, security classes, groups."""

from typing import Final

from home_sentry_engine.contract import ObjectGroup

_COCO: Final = """
person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant stop_sign parking_meter
bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie suitcase frisbee
skis snowboard sports_ball kite baseball_bat baseball_glove skateboard surfboard tennis_racket bottle
wine_glass cup fork knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake
chair couch potted_plant bed dining_table toilet tv laptop mouse remote keyboard cell_phone microwave oven
toaster sink refrigerator book clock vase scissors teddy_bear hair_drier toothbrush
"""

COCO_80: Final[tuple[str, ...]] = tuple(name.replace("_", " ") for name in _COCO.split())

SECURITY_CLASSES: Final[frozenset[str]] = frozenset(
    {"person", "car", "truck", "dog", "cat", "bird", "bicycle", "motorcycle", "bus"}
)

# what people carry: told of the person who does, never a thing of its own unless somebody asks for its class
CARRIED_CLASSES: Final[frozenset[str]] = frozenset({"backpack", "handbag", "suitcase", "umbrella"})

_ALIASES: Final[dict[str, str]] = {
    **dict.fromkeys(("bike", "pushbike", "push bike", "pedal cycle"), "bicycle"),
    **dict.fromkeys(("pedestrian", "people", "human"), "person"),
    **dict.fromkeys(("automobile", "motorcar", "motor car"), "car"),
    **dict.fromkeys(("motorbike", "motor bike", "motor cycle", "moped"), "motorcycle"),
    "lorry": "truck",
    **dict.fromkeys(("coach", "minibus", "omnibus"), "bus"),
    "aeroplane": "airplane",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "diningtable": "dining table",
    "tvmonitor": "tv",
}

_GROUPS: Final[dict[str, ObjectGroup]] = {
    "person": ObjectGroup.PERSON,
    **dict.fromkeys(("car", "truck", "bus", "motorcycle", "bicycle", "train", "boat", "airplane"), ObjectGroup.VEHICLE),
    **dict.fromkeys(
        ("dog", "cat", "bird", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"), ObjectGroup.ANIMAL
    ),
    **dict.fromkeys(("package", "suitcase", "backpack", "handbag"), ObjectGroup.PACKAGE),
}


def canonical_label(label: str) -> str:
    """Fold case, read ``_`` as a space and map names of other label sets to the COCO name."""
    folded = " ".join(label.replace("_", " ").casefold().split())
    return _ALIASES.get(folded, folded)


def group_of(label: str) -> ObjectGroup:
    """Tell which coarse group a canonical label belongs to."""
    return _GROUPS.get(label, ObjectGroup.OTHER)
