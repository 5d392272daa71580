"""What legs that need pixels see of a visit: each subject in its clearest picture, and the pictures themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from home_sentry_engine.context.gather import Leg
from home_sentry_engine.context.tracks import Look, Subject
from home_sentry_engine.domain.messages import Scene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubjectView:
    """One subject in one picture: RGB, uint8, height x width x 3; the box of ``look`` is in its pixels."""

    subject: Subject
    look: Look
    picture: Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneViews:
    """The pictures of a visit, decoded once for all legs; ``subjects`` holds each subject's clearest looks, best first.

    ``unreadable`` gives a reason for each file whose picture could not be had. ``compared`` holds every subject where
    persons were told apart by what they look like, None where only by their boxes.
    """

    scene: Scene
    pictures: Mapping[str, Any]
    subjects: Mapping[int, tuple[SubjectView, ...]]
    unreadable: Mapping[str, str]
    compared: tuple[Subject, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLeg(Leg[SceneViews]):
    """One source of what pixels tell."""

    deadline_s: float = 15.0
