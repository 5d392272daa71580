"""What a language model may claim about a scene, and what people call it."""

from enum import StrEnum


class Claim(StrEnum):
    """A statement that needs evidence before anybody is told; the closed vocabulary of a model's flags."""

    WEAPON = "weapon"
    FORCED_ENTRY = "forced_entry"
    TAMPERING = "tampering"
    VIOLENCE = "violence"
    TRYING_HANDLES = "trying_handles"
    COVERED_FACE = "covered_face"
    SECOND_PERSON = "second_person"
    LINGERING = "lingering"
    DELIVERY = "delivery"
    RESIDENT = "resident"
