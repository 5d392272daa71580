"""The view of a camera against what it usually is: a lasting change is told, with its kind; drift is absorbed.

Day and infrared have a state each. A change has to last, and the kinds are told apart by what is left of the picture:
nothing (blocked), the same without its edges (tampered: smeared or out of focus), something else everywhere (the
angle changed), or something else somewhere (unknown: a lorry that parks), which becomes the usual view by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

FLAT: Final = 5.0
_PACE: Final = 0.1


class Light(StrEnum):
    """Which baseline a frame belongs to."""

    DAY = "day"
    INFRARED = "infrared"


class ChangeKind(StrEnum):
    """What happened to the view."""

    VIEW_BLOCKED = "view_blocked"
    ANGLE_CHANGED = "angle_changed"
    VIEW_TAMPERED = "view_tampered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Measures of one frame, as ``media.similarity`` takes them; without a baseline the last two are None."""

    brightness: float
    contrast: float
    sharpness: float
    coarse: float | None = None
    changed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRules:
    """When a view has changed: likeness below ``similar`` and ``margin`` below what the camera usually reaches.

    A change counts after ``frames`` frames that span ``least_s``, or two that span ``lasting_s``.
    """

    similar: float = 0.90
    margin: float = 0.08
    frames: int = 3
    least_s: float = 10.0
    lasting_s: float = 60.0
    learn_frames: int = 5
    blocked_contrast: float = 0.35
    blurred: float = 0.4
    same_places: float = 0.75
    everywhere: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneState:
    """What is known of one camera's view in one light; ``told`` is the change that still stands.

    One of unknown kind ends with the next frame that shows the same again.
    """

    learned: int = 0
    typical: float = 1.0
    contrast: float = 0.0
    sharpness: float = 0.0
    run: int = 0
    run_since: datetime | None = None
    told: ChangeKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What follows from a frame: the state after it, what to do with the baseline, and news.

    ``restart`` makes this frame the baseline, ``absorb`` moves the baseline towards it; ``first`` tells that there was
    none. ``change`` is new; ``over`` tells that the view is the usual one again.
    """

    state: SceneState
    different: bool = False
    first: bool = False
    absorb: bool = False
    restart: bool = False
    change: ChangeKind | None = None
    over: bool = False


def light_of(view: View, *, infrared: bool, known: Mapping[Light, SceneState], last: Light | None) -> Light:
    """Choose the baseline of a frame; one that shows nothing at all stays with the light before it.

    A cover over the lens has no colour either: it must not pass for the camera's first infrared picture.
    """
    if view.contrast < FLAT and last is not None and last in known:
        return last
    return Light.INFRARED if infrared else Light.DAY


def step(state: SceneState, view: View, at: datetime, rules: SceneRules | None = None) -> Outcome:
    """Take one frame; frames come in the order of their time."""
    rules = rules or SceneRules()
    if view.coarse is None or state.learned == 0:
        if view.contrast < FLAT:
            return Outcome(state=state, different=False)
        begun = SceneState(learned=1, contrast=view.contrast, sharpness=view.sharpness)
        return Outcome(state=begun, first=True, restart=True)
    if not _differs(state, view, view.coarse, rules):
        return _usual(state, view, view.coarse)
    begun_at = state.run_since or at
    run = replace(state, run=state.run + 1, run_since=begun_at)
    if state.told not in {None, ChangeKind.UNKNOWN} or not _lasts(run, begun_at, at, rules):
        return Outcome(state=run, different=True)
    kind = kind_of(state, view, rules)
    if kind is ChangeKind.UNKNOWN:
        return Outcome(state=_begun_anew(view), different=True, change=kind, restart=True)
    return Outcome(state=replace(run, told=kind), different=True, change=kind)


def acknowledged(state: SceneState) -> SceneState:
    """Let the next frame become the usual view, because a person says that it is."""
    return SceneState(typical=state.typical)


def kind_of(state: SceneState, view: View, rules: SceneRules) -> ChangeKind:
    """Tell the kind of a change by what is left of the picture."""
    if view.contrast < FLAT or view.contrast < rules.blocked_contrast * state.contrast:
        return ChangeKind.VIEW_BLOCKED
    unsharp = view.sharpness < rules.blurred * state.sharpness
    if unsharp:
        alike = (view.coarse or 0.0) >= rules.same_places
        return ChangeKind.VIEW_TAMPERED if alike else ChangeKind.VIEW_BLOCKED
    return ChangeKind.ANGLE_CHANGED if (view.changed or 0.0) >= rules.everywhere else ChangeKind.UNKNOWN


def tamper_leg(kind: ChangeKind) -> dict[str, object] | None:
    """Write the leg ``tamper``; a change of unknown kind is no tampering."""
    return None if kind is ChangeKind.UNKNOWN else {"kind": kind.value}


def _differs(state: SceneState, view: View, coarse: float, rules: SceneRules) -> bool:
    if view.contrast < FLAT or view.contrast < rules.blocked_contrast * state.contrast:
        return True
    if view.sharpness < rules.blurred * state.sharpness:
        return True
    if state.learned < rules.learn_frames and (view.changed or 0.0) < rules.everywhere:
        return False
    return coarse < min(rules.similar, state.typical - rules.margin)


def _usual(state: SceneState, view: View, coarse: float) -> Outcome:
    pace = max(_PACE, 1.0 / (state.learned + 1))
    learned = SceneState(
        learned=state.learned + 1,
        typical=state.typical + (coarse - state.typical) * pace,
        contrast=state.contrast + (view.contrast - state.contrast) * pace,
        sharpness=state.sharpness + (view.sharpness - state.sharpness) * pace,
    )
    return Outcome(state=learned, absorb=True, over=state.told is not None)


def _begun_anew(view: View) -> SceneState:
    return SceneState(learned=1, contrast=view.contrast, sharpness=view.sharpness, told=ChangeKind.UNKNOWN)


def _lasts(state: SceneState, since: datetime, at: datetime, rules: SceneRules) -> bool:
    seconds = (at - since).total_seconds()
    return (state.run >= rules.frames and seconds >= rules.least_s) or (state.run >= 2 and seconds >= rules.lasting_s)
