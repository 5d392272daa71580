"""What a vision-language model may be asked about the whole picture beyond captions; each task has a flag."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.captions import clean_caption
from home_sentry_engine.vision.tasks.florence import FlorenceAnswer, FlorenceTask
from home_sentry_engine.vision.tasks.florence_run import FlorenceReader
from home_sentry_engine.vision.tasks.pictures import RgbFrame

from .cards import CAPTIONS
from .desk import Case, Desk, NotAsked, Notes, Question, Step

_PATIENCE: Final = 2.0
_LONGEST_TEXT: Final = 64
_MOST_REGIONS: Final = 12
_NO_ANSWER: Final = "unanswerable"
_QUESTIONS: Final = "vqa"
_WORDS: Final = {FlorenceTask.OD: "label", FlorenceTask.DENSE_REGION_CAPTION: "caption"}


def picture_branches(tasks: Collection[str], questions: Sequence[str]) -> tuple[tuple[Step, ...], ...]:
    """Give a branch for each of these ``VISION_TASKS`` that is about the whole picture; ``vqa`` asks ``questions``."""
    asked: Mapping[str, Question] = {
        "more_detailed_caption": _paragraph,
        _QUESTIONS: _answers(tuple(questions)),
        "ocr": _text,
        "ocr_with_region": _texts,
        "od": _regions(FlorenceTask.OD),
        "dense_region_caption": _regions(FlorenceTask.DENSE_REGION_CAPTION),
    }
    return tuple((Step(about=name, ask=ask, patience=_PATIENCE),) for name, ask in asked.items() if name in tasks)


async def _paragraph(case: Case, notes: Notes, desk: Desk) -> None:
    told = await _told(FlorenceTask.MORE_DETAILED_CAPTION, case, notes, desk)
    caption = clean_caption(told.text)
    if caption is None:
        _drop(notes, 1)
    else:
        notes.add({"caption": caption})


def _answers(questions: tuple[str, ...]) -> Question:
    async def ask(case: Case, notes: Notes, desk: Desk) -> None:
        if not questions:
            raise NotAsked("the settings name no question", code="not_needed")
        frame = case.best_picture
        for question in questions:
            told = await desk.use(notes, CAPTIONS, FlorenceReader, _asking(question, frame))
            answer = clean_caption(told.text)
            if answer is None:
                _drop(notes, 1)
            elif answer.casefold() == _NO_ANSWER:
                notes.left_out.append("the picture does not answer a question")
            else:
                notes.add({"question": question, "answer": answer})

    return ask


def _asking(question: str, frame: RgbFrame) -> Callable[[FlorenceReader, Cancel], FlorenceAnswer]:
    return lambda model, cancel: model.answer_question(question, frame, cancel=cancel)


async def _text(case: Case, notes: Notes, desk: Desk) -> None:
    told = await _told(FlorenceTask.OCR, case, notes, desk)
    _drop(notes, told.dropped)
    text = " ".join(told.text.split())
    if text:
        notes.add({"text": text[: _LONGEST_TEXT * 4], "kind": "scene text"})


async def _texts(case: Case, notes: Notes, desk: Desk) -> None:
    told = await _told(FlorenceTask.OCR_WITH_REGION, case, notes, desk)
    _drop(notes, told.dropped)
    for region in told.regions[:_MOST_REGIONS]:
        notes.add({"text": region.text[:_LONGEST_TEXT], "kind": "scene text"}, box=region.box)


def _regions(task: FlorenceTask) -> Question:
    async def ask(case: Case, notes: Notes, desk: Desk) -> None:
        told = await _told(task, case, notes, desk)
        words = [(clean_caption(region.text), region.box) for region in told.regions]
        _drop(notes, told.dropped + sum(one is None for one, _ in words))
        for said, box in [one for one in words if one[0] is not None][:_MOST_REGIONS]:
            notes.add({_WORDS[task]: said}, box=box)

    return ask


async def _told(task: FlorenceTask, case: Case, notes: Notes, desk: Desk) -> FlorenceAnswer:
    frame = case.best_picture
    return await desk.use(
        notes, CAPTIONS, FlorenceReader, lambda model, cancel: model.ask(task, frame, cancel=cancel)
    )  # fmt: skip


def _drop(notes: Notes, count: int) -> None:
    if count:
        notes.left_out.append(f"{count} answers held raw task tokens or said nothing and were dropped")
