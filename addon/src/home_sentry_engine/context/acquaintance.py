"""Who of a visit came before: comparisons become entities, and their words; the leg ``identity``.

An identity across cameras is always worded as probable, with its similarity.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.domain.household import Entity, EntityTrust

from .identity import WORDING, ProbableMatch, best_by_camera
from .tracks import Look, Subject

NO_MATCH: Final = "no match"
UNAVAILABLE: Final = "unavailable"
_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """One subject of a visit beside what is remembered; exactly one of ``embedded`` and ``unavailable`` is there.

    ``look`` is the clearest one; ``resembles`` are entities that are remembered by themselves, with their cosine.
    """

    subject: Subject
    kind: str
    look: Look
    embedded: Embedded | None = None
    unavailable: str | None = None
    matches: tuple[ProbableMatch, ...] = ()
    resembles: tuple[tuple[str, float], ...] = ()

    @property
    def similarity(self) -> float | None:
        """Give the best cosine above the model's threshold."""
        found = [match.similarity for match in self.matches[:1]] + [cosine for _, cosine in self.resembles[:1]]
        return max(found, default=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Acquaintance:
    """A compared subject and the entity that it probably is."""

    compared: Compared
    entity: Entity | None = None

    @property
    def finding(self) -> str:
        """Say it in one of three phrases; what could not be compared is never a missing match."""
        if self.compared.embedded is None:
            return UNAVAILABLE
        return WORDING if self.compared.similarity is not None else NO_MATCH


def claims(compared: Sequence[Compared]) -> dict[int, tuple[str | None, ProbableMatch | None]]:
    """Give for each subject's number the entity that it claims, or the look that is to become one with it.

    The likest subject claims first; an entity is never two subjects that one picture shows together.
    """
    options = sorted(
        (option for one in compared for option in _options(one)),
        key=lambda option: (-option[0], option[1].subject.number),
    )
    found: dict[int, tuple[str | None, ProbableMatch | None]] = {}
    taken: dict[str, list[Subject]] = {}
    for _, one, entity_id, match in options:
        key = entity_id or f"trace {match.trace.id if match else 0}"
        if one.subject.number in found or any(_together(one.subject, other) for other in taken.get(key, [])):
            continue
        found[one.subject.number] = entity_id, match
        taken.setdefault(key, []).append(one.subject)
    return found


def _options(one: Compared) -> Iterable[tuple[float, Compared, str | None, ProbableMatch | None]]:
    for match in one.matches:
        yield match.similarity, one, match.trace.entity_id, match
    for entity_id, cosine in one.resembles:
        yield cosine, one, entity_id, None


def _together(one: Subject, other: Subject) -> bool:
    frames = {(look.media_id, look.at) for look in one.looks}
    return any((look.media_id, look.at) in frames for look in other.looks)


def match_words(match: ProbableMatch, names: Mapping[str, str]) -> str:
    """Say where and when one earlier look was."""
    camera = names.get(match.trace.camera_id, match.trace.camera_id)
    return f"{WORDING} at {camera} {_apart(match.seconds_apart)} ({match.similarity:.2f})"


def subject_words(one: Acquaintance) -> str:
    """Say in one line what is known of one subject."""
    kind, entity = one.compared.kind, one.entity
    if one.finding == UNAVAILABLE:
        return f"{kind}: not compared, {one.compared.unavailable}"
    if one.finding == NO_MATCH:
        return f"{kind}: {NO_MATCH} with earlier visits"
    words = f"{kind}: {WORDING} ({one.compared.similarity or 0.0:.2f})"
    if entity is None:
        return words
    trust = "" if entity.trust is EntityTrust.UNKNOWN else f", {entity.trust.value}"
    return f"{words}, {entity.count} visits{trust}"


def context_words(found: Sequence[Acquaintance], names: Mapping[str, str]) -> list[str]:
    """Say everything, a line for each subject: what is known of it, and each camera that probably saw it."""
    lines = []
    for one in found:
        seen = [match_words(match, names) for match in best_by_camera(one.compared.matches)]
        lines.append("; ".join([subject_words(one), *seen]))
    return lines


def summary_words(found: Sequence[Acquaintance]) -> str:
    """Say how many were probably seen before, and how many nobody could compare."""
    again = sum(one.finding == WORDING for one in found)
    blind = sum(one.finding == UNAVAILABLE for one in found)
    text = f"{again} of {len(found)} probably seen before"
    return f"{text}, {blind} not compared" if blind else text


def identity_leg(found: Sequence[Acquaintance], names: Mapping[str, str]) -> dict[str, object]:
    """Write the leg ``identity``."""
    return {
        "summary": summary_words(found),
        "context": context_words(found, names),
        "subjects": [_record(one, names) for one in found],
    }


def _record(one: Acquaintance, names: Mapping[str, str]) -> dict[str, object]:
    compared = one.compared
    record: dict[str, object] = {
        "subject": compared.subject.number,
        "kind": compared.kind,
        "finding": one.finding,
        "text": subject_words(one),
        "detection": compared.look.detection_id,
    }
    if compared.embedded is not None:
        record |= {"model": compared.embedded.model_id, "threshold": round(compared.embedded.same_above, 3)}
    if compared.unavailable is not None:
        record["reason"] = compared.unavailable
    if compared.similarity is not None:
        record["similarity"] = round(compared.similarity, 3)
        seen = best_by_camera(compared.matches)
        record["seen"] = [match.document() | {"text": match_words(match, names)} for match in seen]
    if one.entity is not None:
        entity = one.entity
        record["entity"] = {"id": entity.id, "trust": entity.trust.value, "visits": entity.count}
        if entity.name:
            record["entity"] = {**record["entity"], "name": entity.name}  # type: ignore[dict-item]
    return record


def _apart(seconds: float) -> str:
    size = abs(seconds)
    for unit_s, word in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if size >= unit_s:
            amount = f"{size / unit_s:.0f} {word}"
            break
    else:
        amount = f"{size:.0f} s"
    return f"{amount} {'earlier' if seconds >= 0 else 'later'}"
