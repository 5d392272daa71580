"""One visit's desk: every question to a model is put here, and what became of it is on record."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
import logging
import time
from typing import Any, Final, Protocol

from home_sentry_engine.context.tracks import Subject
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.enrichment import USUAL_VISION_TASKS, Attempt, Finding, Outcome
from home_sentry_engine.domain.errors import StageError, Unavailable
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.pipeline.subject_views import SceneViews, SubjectView
from home_sentry_engine.vision.catalog import UnknownModel
from home_sentry_engine.vision.models import Adapter, NotSwitchedOn
from home_sentry_engine.vision.session import Cancel, InferenceTimeout
from home_sentry_engine.vision.tasks.action import SENTENCES
from home_sentry_engine.vision.tasks.crops import Crop, cut_box
from home_sentry_engine.vision.tasks.depth import DepthOf, DepthScale
from home_sentry_engine.vision.tasks.open_vocabulary import PROMPTS
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.sentences import FashionWords

_LOGGER = logging.getLogger(__name__)

PRIORITY: Final = -1
SMALLEST_PX: Final = 24


class Models(Protocol):
    """Runs models by the ids of their cards."""

    async def use[A: Adapter, T](
        self, model_id: str, kind: type[A], work: Callable[[A, Cancel], T],
        *, priority: int = 0, timeout_s: float | None = None,
    ) -> T:  # fmt: skip
        """Do ``work`` with a model, loading it if need be; raises ``UnknownModel`` or a ``StageError``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentRules:
    """What is asked: ``switched_off`` are questions that a person does not want, ``reported`` the detector's classes.

    ``at_once`` bounds how many of our calls compute at the same time, so that new pictures are not kept waiting;
    ``deadline_s`` is what an ordinary question may take. ``instead`` names services that are asked in the place of
    this engine's models, by the cards that they stand for. ``vision_tasks`` are those of ``VISION_TASKS`` that are
    wanted, ``vision_questions`` what is asked where ``vqa`` is one of them. ``depth_scales`` turn depth into metres, by
    camera; ``depth_of`` is the part of a box that speaks for the thing in it. ``names`` are things that are looked for,
    from ``names_confidence`` on, None for the model's own; ``actions`` and ``fashion`` the sentences about persons.
    ``patience_s`` is what an answer may take of a service, by its id.
    ``confirmer`` is a vision-language model that is asked whether a thing that may be a weapon is one.
    """

    switched_off: frozenset[str] = frozenset()
    reported: frozenset[str] = frozenset()
    at_once: int = 2
    deadline_s: float = 15.0
    instead: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    patience_s: Mapping[str, float] = field(default_factory=dict)
    vision_tasks: frozenset[str] = USUAL_VISION_TASKS
    vision_questions: tuple[str, ...] = ()
    depth_scales: Mapping[str, DepthScale] = field(default_factory=dict)
    depth_of: DepthOf = DepthOf.MEDIAN
    names: tuple[str, ...] = PROMPTS
    names_confidence: float | None = None
    confirmer: str | None = None
    actions: Mapping[str, str] = field(default_factory=lambda: dict(SENTENCES))
    fashion: FashionWords = field(default_factory=FashionWords)

    def scale_of(self, camera_id: str) -> DepthScale | None:
        """Give what somebody measured at a camera."""
        return self.depth_scales.get(camera_id)

    def who_answers(self, cards: Iterable[str]) -> tuple[str, ...]:
        """Give whom to ask, best first: the service that stands for these cards, or the cards themselves."""
        cards = tuple(cards)
        return (self.instead[cards],) if cards in self.instead else cards


class NotAsked(StageError):
    """A question that this visit does not raise; the reason is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a visit shows, by kind; ``reported`` are the classes that the detector was told to report."""

    views: SceneViews
    reported: frozenset[str] = frozenset()

    def seen(self, group: ObjectGroup) -> tuple[tuple[SubjectView, ...], ...]:
        """Give the views of every subject of a group that has one, each best first."""
        found = [views for views in self.views.subjects.values() if views]
        return tuple(views for views in found if views[0].subject.group is group)

    def require(self, group: ObjectGroup, *, nothing: str) -> tuple[tuple[SubjectView, ...], ...]:
        """Give what ``seen`` gives, at least one; raises ``NotAsked``, or ``Unavailable`` without pictures."""
        found = self.seen(group)
        if found:
            return found
        shots = self.views.scene.batch.sightings
        if not any(group_of(one.label) is group for shot in shots for one in shot.detections):
            raise NotAsked(nothing, code="not_needed")
        if self.views.unreadable:
            raise Unavailable(f"its picture could not be read: {self._trouble}", code="no_picture")
        raise NotAsked("what was seen is too uncertain for a closer look", code="uncertain")

    @property
    def _trouble(self) -> str:
        return "; ".join(sorted(set(self.views.unreadable.values()))) or "there is no picture"

    @property
    def most_persons(self) -> int:
        """Most persons in one picture."""
        counts = (sum(one.label == "person" for one in shot.detections) for shot in self.views.scene.batch.sightings)
        return max(counts, default=0)

    @property
    def best_picture(self) -> RgbFrame:
        """The picture in which the first subject is clearest, else the first one; raises ``NotAsked``."""
        for views in self.views.subjects.values():
            if views:
                return RgbFrame.of(views[0].picture)
        for pixels in self.views.pictures.values():
            return RgbFrame.of(pixels)
        raise Unavailable(f"no picture of the visit could be read: {self._trouble}", code="no_picture")


def cut_out(view: SubjectView, *, margin: float = 0.08) -> Crop:
    """Cut a subject out of its picture, with some of its surroundings."""
    return cut_box(RgbFrame.of(view.picture), view.look.detection.box, margin=margin)


def large_enough(views: Iterable[SubjectView], least_px: int = SMALLEST_PX) -> tuple[SubjectView, ...]:
    """Leave out looks whose shorter side is too small to show anything."""
    boxes = ((view, view.look.detection.box) for view in views)
    return tuple(view for view, box in boxes if min(box.width, box.height) >= least_px)


class Limit:
    """What a question may take; the first service that it asks makes it longer by what that one may take."""

    def __init__(self, length_s: float) -> None:
        """Begin now; call it on the event loop."""
        self._served = False
        self.length_s = length_s
        self.timeout = asyncio.timeout(length_s)

    def extend(self, more_s: float) -> None:
        """Wait for a service."""
        if self._served:
            return
        self._served = True
        self.length_s += more_s
        when = self.timeout.when()
        if when is not None:
            self.timeout.reschedule(when + more_s)


@dataclass(slots=True, kw_only=True)
class Notes:
    """What one question brought; ``left_out`` are reasons for looks that were not possible."""

    about: str
    findings: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    model_id: str | None = None
    looks: int = 0
    limit: Limit | None = None

    def add(
        self,
        value: Mapping[str, object],
        *,
        confidence: float | None = None,
        view: SubjectView | None = None,
        box: Box | None = None,
    ) -> None:
        """Keep an answer of the model that was asked last."""
        self.findings.append(
            Finding(
                about=self.about,
                model_id=self.model_id or "",
                value=value,
                confidence=None if confidence is None else round(min(1.0, max(0.0, confidence)), 3),
                subject=None if view is None else view.subject.number,
                detection_id=None if view is None else view.look.detection_id,
                box=box,
            )
        )


type Question = Callable[[Case, Notes, Desk], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One question: what it is about, who asks, and how many times the usual deadline its answer may take."""

    about: str
    ask: Question
    patience: float = 1.0


class Desk:
    """Puts the questions of one visit; a few at the same time, so that the detector is not kept waiting."""

    def __init__(self, models: Models, at_once: asyncio.Semaphore, rules: EnrichmentRules) -> None:
        """Take the models, who of us may compute at the moment, and the rules."""
        self._models = models
        self._at_once = at_once
        self.rules = rules
        self.memory: dict[str, Any] = {}
        self.findings: list[Finding] = []
        self.attempts: list[Attempt] = []

    async def put(self, step: Step, case: Case) -> None:
        """Ask one question and keep what came of it; never raises for what a model does."""
        notes = Notes(about=step.about)
        began = time.perf_counter()
        outcome, reason = await self._outcome(step, case, notes)
        if outcome is not Outcome.RAN and notes.findings:
            outcome, notes.left_out = Outcome.RAN, [*notes.left_out, reason or ""]
        if outcome is Outcome.RAN:
            reason = "; ".join(dict.fromkeys(filter(None, notes.left_out))) or None
            self.findings += notes.findings
        self.attempts.append(
            Attempt(
                about=step.about,
                outcome=outcome,
                model_id=notes.model_id,
                reason=reason,
                looks=notes.looks,
                duration_ms=round((time.perf_counter() - began) * 1000.0, 1),
            )
        )

    async def use[A: Adapter, T](
        self, notes: Notes, cards: Iterable[str], kind: type[A], work: Callable[[A, Cancel], T]
    ) -> T:
        """Do ``work`` with the first of these cards that can; raises ``NotSwitchedOn`` or another ``StageError``.

        A card that was slow is not followed by another one, which would be later still.
        """
        reasons: list[str] = []
        troubles: list[str] = []
        for model_id in self.rules.who_answers(cards):
            try:
                patience_s = self.rules.patience_s.get(model_id)
                if patience_s is None:
                    async with self._at_once:
                        found = await self._models.use(model_id, kind, work, priority=PRIORITY)
                else:
                    # it computes elsewhere, and may be slow without keeping others waiting here
                    if notes.limit is not None:
                        notes.limit.extend(patience_s)
                    found = await self._models.use(model_id, kind, work, priority=PRIORITY, timeout_s=patience_s)
            except (NotSwitchedOn, UnknownModel) as err:
                reasons.append(str(err))
            except InferenceTimeout:
                notes.model_id = model_id
                raise
            except StageError as err:
                notes.model_id = model_id
                troubles.append(err.reason)
            else:
                notes.model_id = self._teller(model_id, found)
                notes.looks += 1
                return found
        if not troubles:
            raise NotSwitchedOn(reasons[0], code="off")
        raise Unavailable("; ".join(dict.fromkeys(troubles)), code="unavailable")

    async def each(
        self, notes: Notes, views: Iterable[SubjectView], ask: Callable[[SubjectView], Awaitable[None]]
    ) -> None:
        """Ask about one look after the other; one that fails is left out with its reason unless all do."""
        failure: StageError | None = None
        answered = 0
        for view in views:
            try:
                await ask(view)
            except NotSwitchedOn:
                raise
            except StageError as err:
                failure = err
                notes.left_out.append(f"{named(view.subject)} was not looked at: {err.reason}")
            else:
                answered += 1
        if failure is not None and not answered:
            notes.left_out.clear()
            raise failure

    def _teller(self, model_id: str, found: object) -> str:
        """Give who answered: a service may say which one of its models looked."""
        told = getattr(found, "model_id", None) if model_id in self.rules.instead.values() else None
        return told if isinstance(told, str) and told else model_id

    async def _outcome(self, step: Step, case: Case, notes: Notes) -> tuple[Outcome, str | None]:
        if step.about in self.rules.switched_off:
            return Outcome.SKIPPED, "it is switched off"
        limit = notes.limit = Limit(step.patience * self.rules.deadline_s)
        extra = {"event_id": case.views.scene.batch.event_id, "leg": step.about}
        try:
            async with limit.timeout:
                await step.ask(case, notes, self)
        except (NotAsked, NotSwitchedOn) as err:
            return Outcome.SKIPPED, err.reason
        except StageError as err:
            return Outcome.UNAVAILABLE, err.reason
        except TimeoutError:
            _LOGGER.warning("The question about %s passed its deadline", step.about, extra=extra)
            return Outcome.UNAVAILABLE, f"no answer within {limit.length_s:g} s"
        except Exception as err:
            _LOGGER.exception("The question about %s failed", step.about, extra=extra)
            return Outcome.UNAVAILABLE, f"it failed ({type(err).__name__})"
        return Outcome.RAN, None


def named(subject: Subject) -> str:
    """Give the name of a subject in sentences, such as ``person 2``."""
    return f"{subject.label} {subject.number}"
