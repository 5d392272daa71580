"""Findings to legs: the JSON shapes that the rules and the prompt read; what nobody looked at stays absent."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from home_sentry_engine.domain.enrichment import Attempt, EnrichmentResult, Finding, Outcome
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.judgement.legs import WEAPONS

type Answers = Mapping[str, Sequence[Finding]]
type Made = tuple[str, tuple[str, ...], Callable[[Answers], object]]

_CARRIED_PARCEL: Final = frozenset({"package", "box", "suitcase", "cardboard box", "parcel"})
BEHAVIOUR: Final = {
    "running": "running",
    "running away": "running",
    "climbing": "climbing",
    "trying door": "trying_handles",
    "forcing door": "trying_handles",
    "looking into window": "looking_in",
    "hiding": "hiding",
    "delivering": "carrying_package",
}
FORCING: Final = "forcing door"
TOOLS: Final = frozenset({"crowbar"})
# what single pictures of harmless people resemble has to be surer than other behaviour
_SURE: Final = {"looking_in": 0.6, "hiding": 0.6}
# "unsure" was offered as an answer, so that a "yes" is more likely than not; how much more, nobody measured
_SAID_YES: Final = 0.6
_COURIER: Final = frozenset({"delivery uniform", "postal uniform"})


def legs_of(result: EnrichmentResult) -> dict[str, object | Absent]:
    """Give each leg's value, or why it is absent: a leg is there if at least one of its questions was answered."""
    by_about: dict[str, list[Finding]] = {}
    for finding in result.findings:
        by_about.setdefault(finding.about, []).append(finding)
    attempts = {attempt.about: attempt for attempt in result.attempts}
    legs: dict[str, object | Absent] = {}
    for name, questions, make in _LEGS:
        asked = [attempts[about] for about in questions if about in attempts]
        if not asked:
            continue
        if any(one.outcome is Outcome.RAN for one in asked):
            value = make(by_about)
            legs[name] = value if value is not None else Absent(reason=_unclear(asked))
        else:
            legs[name] = Absent(reason=_reason(asked))
    return legs


def _reason(asked: Sequence[Attempt]) -> str:
    return "; ".join(dict.fromkeys(one.reason or "no reason given" for one in asked))


def _unclear(asked: Sequence[Attempt]) -> str:
    left_out = [one.reason for one in asked if one.reason]
    return "; ".join(dict.fromkeys(left_out)) or "it was looked at, but not clear enough to say"


def _of(answers: Answers, *questions: str) -> list[Finding]:
    return [finding for about in questions for finding in answers.get(about, ())]


def _rows(findings: Iterable[Finding], **names: str) -> list[dict[str, object]]:
    """Give a row per finding: its subject, the wanted values under their names in the leg, its confidence."""
    rows = []
    for one in findings:
        row: dict[str, object] = {} if one.subject is None else {"subject": one.subject}
        row |= {name: one.value[key] for name, key in names.items() if key in one.value}
        if one.confidence is not None:
            row["confidence"] = one.confidence
        rows.append(row)
    return rows


def _faces(answers: Answers) -> object:
    found = _of(answers, "faces")
    visible = [one for one in found if one.value.get("visible")]
    return {"people_looked_at": len(found), "faces_visible": len(visible)} if found else None


def _pose(answers: Answers) -> object:
    found = [one for one in _of(answers, "pose") if one.value.get("posture") != "unknown" or one.value.get("alerts")]
    return _rows(found, posture="posture", alerts="alerts", repeated="repeated") or None


def _behaviour(answers: Answers) -> object:
    looks: list[dict[str, object]] = []
    for one in _of(answers, "pose", "action"):
        kind = BEHAVIOUR.get(str(one.value.get("posture") or one.value.get("action")))
        if kind is not None and (one.confidence or 0.0) >= _SURE.get(kind, 0.0):
            looks.append({"kind": kind, "confidence": one.confidence or 0.0, "source": one.model_id})
    for one in _of(answers, "carrying"):
        carried = one.value.get("carrying")
        if isinstance(carried, list) and _CARRIED_PARCEL & set(carried):
            looks.append({"kind": "carrying_package", "confidence": one.confidence or 0.0, "source": one.model_id})
    looks += _forced(answers)
    # a posture that is not running says nothing about other behaviour
    return looks or None


def _forced(answers: Answers) -> list[dict[str, object]]:
    """A way is forced in where one model sees it done and another one the tool; neither alone says so."""
    done = [one for one in _of(answers, "action") if one.value.get("action") == FORCING]
    tools = [one for one in _of(answers, "threats") if one.value.get("label") in TOOLS]
    if not done or not tools:
        return []
    act, tool = (max(found, key=lambda one: one.confidence or 0.0) for found in (done, tools))
    sure = min(act.confidence or 0.0, tool.confidence or 0.0)
    return [{"kind": "forced_entry", "confidence": sure, "source": f"{act.model_id}, {tool.model_id}"}]


def _clothing(answers: Answers) -> object:
    worn = _rows(_of(answers, "clothing"), type="type", colour="colour")
    return [*worn, *_rows(_of(answers, "clothes_segments"), items="clothing_items", bag="has_bag")] or None


def _covered(answers: Answers) -> object:
    found = [one for one in _of(answers, "clothes_segments") if "has_face_covered" in one.value]
    if not found:
        return None
    sure = [one.confidence or 0.0 for one in found if one.value["has_face_covered"]]
    return {"confidence": max(sure, default=0.0)}


def _attributes(answers: Answers) -> object:
    found: dict[str, object] = {}
    for one in _of(answers, "clothing"):
        if one.value.get("is_service_uniform"):
            found["service_worker"] = True
        if one.value.get("type") in _COURIER:
            found["courier"] = True
    # captions may repeat what a sign or a shirt says, so they never make anybody a courier
    carried = [item for one in _of(answers, "carrying", "caption") for item in _words(one.value.get("carrying"))]
    if carried:
        found["carrying"] = sorted(set(carried))
    return found or None


def _vehicle(answers: Answers) -> object:
    rows: dict[int | None, dict[str, object]] = {}
    for one in _of(answers, "vehicle_type", "vehicle_colour"):
        row = rows.setdefault(one.subject, {"subject": one.subject})
        row |= {key: one.value[key] for key in ("type", "colour", "is_commercial") if key in one.value}
    return list(rows.values()) or None


def _plates(answers: Answers) -> object:
    best: dict[tuple[int | None, str], dict[str, object]] = {}
    unread = 0
    for one in _of(answers, "plates"):
        text, sure = one.value.get("text"), one.value.get("text_confidence")
        if not one.value.get("plausible") or not isinstance(text, str):
            unread += 1
            continue
        row = {"subject": one.subject, "text": text, "confidence": sure}
        known = best.get((one.subject, text))
        if known is None or _number(known["confidence"]) < _number(sure):
            best[one.subject, text] = row
    found: list[dict[str, object]] = sorted(best.values(), key=lambda row: -_number(row["confidence"]))
    return [*found, {"plates_not_readable": unread}] if unread else found


def _texts(answers: Answers) -> object:
    return [
        {"scene_text": one.value["text"], "subject": one.subject, "confidence": one.confidence}
        for one in _of(answers, "texts")
    ]


def _damage(answers: Answers) -> object:
    return _rows(_of(answers, "damage"), damage="damage", high_security="high_security")


def _pets(answers: Answers) -> object:
    return _rows(_of(answers, "pets"), species="species", household_pet="is_household_pet") or None


def _depth(answers: Answers) -> object:
    return _rows(_of(answers, "depth"), nearness="nearness", proximity="proximity", distance_m="distance_m")


def _violence(answers: Answers) -> object:
    return next(({"confidence": one.confidence, **one.value} for one in _of(answers, "violence")), None)


def _action(answers: Answers) -> object:
    return _rows(_of(answers, "action"), action="action") or None


def _threats(answers: Answers) -> object:
    looks: list[dict[str, object]] = []
    for one in _of(answers, "threats"):
        label = str(one.value["label"])
        looks.append({"label": label, "confidence": one.confidence, "source": one.model_id})
        confirmed = one.value.get("confirmed")
        # who looks at the cut-out with an understanding of it takes the other look's agreement back by a "no"
        if label in WEAPONS and one.value.get("seen_again") and confirmed is not False:
            sure = one.value.get("again_confidence")
            looks.append({"label": label, "confidence": sure, "source": f"{one.model_id}, second look"})
        if label in WEAPONS and confirmed is True:
            looks.append({"label": label, "confidence": _SAID_YES, "source": "vision model"})
    return looks


def _weather(answers: Answers) -> object:
    found = _of(answers, "weather")
    return {**found[0].value, "confidence": found[0].confidence, "source": found[0].model_id} if found else None


def _first(about: str) -> Callable[[Answers], object]:
    return lambda answers: next((dict(one.value) for one in _of(answers, about)), None)


def _caption(answers: Answers) -> object:
    return [
        {"subject": one.subject, **_picked(one.value, "caption", "conflict")}
        for one in _of(answers, "caption")
        if one.subject is not None
    ] or None


def _scene(answers: Answers) -> object:
    return next((dict(one.value) for one in _of(answers, "caption") if one.subject is None), None)


def _paragraph(answers: Answers) -> object:
    return next(({"text": one.value["caption"]} for one in _of(answers, "more_detailed_caption")), None)


def _answered(answers: Answers) -> object:
    return [dict(one.value) for one in _of(answers, "vqa")] or None


def _written(answers: Answers) -> object:
    return [{"scene_text": one.value["text"]} for one in _of(answers, "ocr", "ocr_with_region")] or None


def _places(answers: Answers) -> object:
    return [dict(one.value) for one in _of(answers, "od", "dense_region_caption")] or None


def _picked(value: Mapping[str, object], *names: str) -> dict[str, object]:
    return {name: value[name] for name in names if name in value}


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list | tuple) else []


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


_LEGS: Final[tuple[Made, ...]] = (
    ("faces", ("faces",), _faces),
    ("pose", ("pose",), _pose),
    ("behaviour", ("pose", "action", "carrying"), _behaviour),
    ("action", ("action",), _action),
    ("clothing", ("clothing", "clothes_segments"), _clothing),
    ("covered_face", ("clothes_segments",), _covered),
    ("attributes", ("clothing", "carrying", "caption"), _attributes),
    ("violence", ("violence",), _violence),
    ("plates", ("plates",), _plates),
    ("texts", ("texts",), _texts),
    ("vehicle", ("vehicle_type", "vehicle_colour"), _vehicle),
    ("damage", ("damage",), _damage),
    ("pets", ("pets",), _pets),
    ("quality", ("quality",), _first("quality")),
    ("weather", ("weather",), _weather),
    ("depth", ("depth",), _depth),
    ("threats", ("threats",), _threats),
    ("caption", ("caption",), _caption),
    ("scene", ("caption",), _scene),
    ("scene_in_detail", ("more_detailed_caption",), _paragraph),
    ("answers_about_the_picture", ("vqa",), _answered),
    ("text_in_the_scene", ("ocr", "ocr_with_region"), _written),
    ("parts_of_the_scene", ("od", "dense_region_caption"), _places),
)
