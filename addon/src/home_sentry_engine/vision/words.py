"""Words of the settings that no detector means: a class misspelt would vanish without a sound."""

from collections.abc import Iterable
from difflib import get_close_matches

from home_sentry_engine.domain.labels import canonical_label
from home_sentry_engine.settings import DetectSettings

CLASSES_FIX = "correct `detection_classes` and `box_rules`, or choose a detector that knows the word"
_ANY = "*"


def unknown_words(settings: DetectSettings, labels: Iterable[str]) -> str | None:
    """Name the wanted classes that are not among a detector's labels, each with the nearest one; None without any."""
    known = {canonical_label(label) for label in labels} - {""}
    wanted = set(settings.classes).union(*settings.box_rules.values()) - {_ANY}
    strange = sorted(wanted - known)
    if not strange:
        return None
    return f"the detector knows no class {', '.join(_with_nearest(word, sorted(known)) for word in strange)}"


def _with_nearest(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"'{word}' (nearest: '{near[0]}')" if near else f"'{word}'"
