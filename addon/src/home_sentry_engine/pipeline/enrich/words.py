"""What a caption model says about the scene and its subjects, held against what the detector saw."""

from collections.abc import Collection
from typing import Final

from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.enrichment import USUAL_VISION_TASKS
from home_sentry_engine.pipeline.subject_views import SubjectView
from home_sentry_engine.vision.tasks.captions import Said, person_said, scene_said, vehicle_said
from home_sentry_engine.vision.tasks.florence import FlorenceTask
from home_sentry_engine.vision.tasks.florence_run import FlorenceReader

from .cards import CAPTIONS
from .crosscheck import conflict_of
from .desk import Case, Desk, NotAsked, Notes, Question, Step, cut_out, large_enough

_SUBJECTS: Final = 3
_READERS: Final = {ObjectGroup.PERSON: person_said, ObjectGroup.VEHICLE: vehicle_said}


def caption_branches(tasks: Collection[str]) -> tuple[tuple[Step, ...], ...]:
    """Give the branch that describes: the scene if ``detailed_caption`` is wanted, its subjects if ``caption`` is."""
    return ((Step(about="caption", ask=_captions(frozenset(tasks)), patience=2.0),),)


def _captions(tasks: frozenset[str]) -> Question:
    async def ask(case: Case, notes: Notes, desk: Desk) -> None:
        if not tasks & USUAL_VISION_TASKS:
            raise NotAsked("it is switched off", code="off")
        dropped = 0
        if "detailed_caption" in tasks:
            dropped += await _of_scene(case, notes, desk)
        else:
            notes.left_out.append("descriptions of the scene are switched off")
        if "caption" in tasks:
            dropped += await _of_subjects(case, notes, desk)
        else:
            notes.left_out.append("descriptions of persons and vehicles are switched off")
        if not notes.looks:
            raise NotAsked("there is no person and no vehicle to describe", code="not_needed")
        if dropped:
            notes.left_out.append(f"{dropped} answers held raw task tokens and were dropped")

    return ask


async def _of_scene(case: Case, notes: Notes, desk: Desk) -> int:
    frame = case.best_picture
    told = await desk.use(
        notes, CAPTIONS, FlorenceReader,
        lambda model, cancel: model.ask(FlorenceTask.DETAILED_CAPTION, frame, cancel=cancel),
    )  # fmt: skip
    return told.dropped + _keep(notes, scene_said(told.text) if told.text else Said(), None)


async def _of_subjects(case: Case, notes: Notes, desk: Desk) -> int:
    views = [seen[0] for group in _READERS for seen in case.seen(group)]
    counts: list[int] = []

    async def ask(view: SubjectView) -> None:
        crop = cut_out(view)
        answer = await desk.use(
            notes, CAPTIONS, FlorenceReader, lambda model, cancel: model.ask(FlorenceTask.CAPTION, crop, cancel=cancel)
        )
        said = _READERS[view.subject.group](answer.text) if answer.text else Said()
        counts.append(answer.dropped + _keep(notes, said, view))

    await desk.each(notes, large_enough(views[:_SUBJECTS]), ask)
    return sum(counts)


def _keep(notes: Notes, said: Said, view: SubjectView | None) -> int:
    if said.attributes:
        value = dict(said.attributes)
        if view is not None:
            conflict = conflict_of(view.subject, str(value.get("caption", "")))
            if conflict is not None:
                value = {"caption": value.get("caption"), "conflict": conflict}
        notes.add(value, view=view)
    return said.dropped


CAPTION_BRANCHES: Final = caption_branches(USUAL_VISION_TASKS)
