"""What models of pictures are asked, as people configured it: tasks and questions, names of things, acts, clothes.

What a floor of the evidence rests on cannot be left out: those names and labels have to stay in a list.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from home_sentry_engine.contract import PromptModel
from home_sentry_engine.domain.enrichment import VISION_TASKS
from home_sentry_engine.domain.prompting import Content, InvalidPrompt, labelled
from home_sentry_engine.judgement.legs import WEAPONS
from home_sentry_engine.vision.tasks.action import SENTENCES
from home_sentry_engine.vision.tasks.open_vocabulary import PROMPTS
from home_sentry_engine.vision.tasks.sentences import HIDING, SERVICE

from .desk import EnrichmentRules
from .legs import BEHAVIOUR, FORCING, TOOLS

VISION_MODELS: Final = (
    PromptModel.FLORENCE2, PromptModel.YOLO_WORLD, PromptModel.XCLIP, PromptModel.FASHION_CLIP
)  # fmt: skip
# floors of the evidence count looks of at least this confidence
_SUREST: Final = 0.5
_KEPT_NAMES: Final = frozenset({name for name in PROMPTS if name in WEAPONS} | TOOLS)
_KEPT_ACTS: Final = frozenset({name for name in SENTENCES if name in BEHAVIOUR} | {FORCING})
_KEPT_GARMENTS: Final = SERVICE | HIDING


def asked(rules: EnrichmentRules, model: PromptModel, value: object) -> EnrichmentRules:
    """Give the rules with a configuration in them; what it does not give stays. Raises ``InvalidPrompt``."""
    match model:
        case PromptModel.FLORENCE2:
            return _florence(rules, value)
        case PromptModel.YOLO_WORLD:
            return _names(rules, value)
        case PromptModel.XCLIP:
            return _acts(rules, value)
        case PromptModel.FASHION_CLIP:
            return _clothes(rules, value)
    raise InvalidPrompt("model", f"must be one of {', '.join(VISION_MODELS)}")


def content_of(rules: EnrichmentRules, model: PromptModel) -> dict[str, Any]:
    """Write what a model is asked under some rules, as ``asked`` reads it."""
    match model:
        case PromptModel.FLORENCE2:
            tasks = [task for task in VISION_TASKS if task in rules.vision_tasks]
            return {"tasks": tasks, "questions": list(rules.vision_questions)}
        case PromptModel.YOLO_WORLD:
            return {"words": list(rules.names), "confidence": rules.names_confidence}
        case PromptModel.XCLIP:
            return {"sentences": labelled(rules.actions)}
        case PromptModel.FASHION_CLIP:
            words = rules.fashion
            return {
                "garments": labelled(words.garments),
                "colours": labelled(words.colours),
                "service": sorted(words.service),
                "hiding": sorted(words.hiding),
            }
    raise InvalidPrompt("model", f"must be one of {', '.join(VISION_MODELS)}")


def _florence(rules: EnrichmentRules, value: object) -> EnrichmentRules:
    content = Content(value, ("tasks", "questions"))
    changed: dict[str, Any] = {}
    if "tasks" in content:
        tasks = content.texts("tasks", count=(0, len(VISION_TASKS)), length=(1, 40))
        for index, task in enumerate(tasks):
            if task not in VISION_TASKS:
                raise InvalidPrompt(f"tasks[{index}]", f"must be one of {', '.join(VISION_TASKS)}")
        changed["vision_tasks"] = frozenset(tasks)
    if "questions" in content:
        changed["vision_questions"] = content.texts("questions", count=(0, 5), length=(3, 200))
    return replace(rules, **changed)


def _names(rules: EnrichmentRules, value: object) -> EnrichmentRules:
    content = Content(value, ("words", "confidence"))
    names = rules.names
    if "words" in content:
        names = content.texts("words", count=(1, 40), length=(2, 40))
        _require("words", names, _KEPT_NAMES)
        for index, name in enumerate(names):
            if "." in name:
                # the model reads a full stop as the end of a name
                raise InvalidPrompt(f"words[{index}]", "must hold no full stop")
    confidence = content.number("confidence", low=0.05, high=_SUREST)
    return replace(
        rules, names=names, names_confidence=confidence if confidence is not None else rules.names_confidence
    )


def _acts(rules: EnrichmentRules, value: object) -> EnrichmentRules:
    content = Content(value, ("sentences",))
    if "sentences" not in content:
        return rules
    sentences = content.sentences("sentences", count=(2, 32))
    _require("sentences", sentences, _KEPT_ACTS)
    return replace(rules, actions=sentences)


def _clothes(rules: EnrichmentRules, value: object) -> EnrichmentRules:
    content = Content(value, ("garments", "colours", "service", "hiding"))
    words = rules.fashion
    if "garments" in content:
        garments = content.sentences("garments", count=(2, 40))
        _require("garments", garments, _KEPT_GARMENTS)
        words = replace(words, garments=garments)
    if "colours" in content:
        words = replace(words, colours=content.sentences("colours", count=(2, 24)))
    if "service" in content:
        words = replace(words, service=_among(content, "service", words.garments))
    if "hiding" in content:
        words = replace(words, hiding=_among(content, "hiding", words.garments))
    _known("service", words.service, words.garments)
    _known("hiding", words.hiding, words.garments)
    return replace(rules, fashion=words)


def _among(content: Content, name: str, garments: Mapping[str, str]) -> frozenset[str]:
    chosen = frozenset(content.texts(name, count=(1, 40), length=(2, 40)))
    _known(name, chosen, garments)
    return chosen


def _known(name: str, chosen: Collection[str], garments: Mapping[str, str]) -> None:
    unknown = sorted(set(chosen) - set(garments))
    if unknown:
        raise InvalidPrompt(name, f"names what is no garment: {', '.join(unknown)}")


def _require(name: str, given: Collection[str], kept: Collection[str]) -> None:
    missing = sorted(set(kept) - set(given))
    if missing:
        raise InvalidPrompt(name, f"must keep {', '.join(missing)}: limits of the score rest on them")
