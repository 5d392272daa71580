"""What a summary says without a model: fixed sentences over the facts, in English or German.

The sentence about times in which nobody watched is always written here, whoever writes the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.contract import BlindPeriod, BlindReason, RiskLevel, Unanalysed

from .sanitize import plain

_MOST_NAMED: Final = 4
_LONGEST_EVENT: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class GraveEvent:
    """An event of level high or critical."""

    event_id: str
    at: datetime
    camera_name: str
    level: RiskLevel
    score: int
    summary: str
    objects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of a time; ``grave`` is sorted, the gravest first, ``silent`` holds names of cameras."""

    since: datetime
    until: datetime
    zone: ZoneInfo
    events: int
    grave: tuple[GraveEvent, ...]
    looked: int
    cameras: int
    blind: tuple[BlindPeriod, ...] = ()
    unanalysed: tuple[Unanalysed, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def all_clear(self) -> bool:
        """Nothing grave happened and every camera was watched all the time and delivered something."""
        watched = self.cameras > 0 and self.looked > 0 and not (self.blind or self.unanalysed or self.silent)
        return watched and not self.grave


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    grave: str
    gravest: str
    clear: str
    quiet: str
    seen: str
    nothing: str
    nobody: str
    missed: str
    silent: str
    everywhere: str
    more: str
    levels: Mapping[RiskLevel, str]
    reasons: Mapping[BlindReason, str]


_ENGLISH: Final = _Words(
    grave="Of {events} events {grave} had the level high or critical.",
    gravest="{at}, {camera} ({level}, {score}): {summary}.",
    clear="All clear: there was no event of level high or critical, and every camera worked all the time.",
    quiet="No event of level high or critical was seen, but not everything was watched.",
    seen="Events of lower level: {events}; files looked at: {looked}.",
    nothing="Nothing was analysed in this time, so nobody knows whether it was calm.",
    nobody="nobody watched {periods}",
    missed="not analysed: {files}",
    silent="nothing came from {cameras}",
    everywhere="all cameras",
    more="{count} more",
    levels={RiskLevel.HIGH: "high", RiskLevel.CRITICAL: "critical"},
    reasons={
        BlindReason.NOT_RUNNING: "the engine did not run",
        BlindReason.INTAKE_PAUSED: "no files were taken",
        BlindReason.NOT_LOOKING: "the detector did not work",
        BlindReason.OFFLINE: "offline",
        BlindReason.BLIND: "its pictures could not be looked at",
        BlindReason.DEGRADED: "its view was impaired",
        BlindReason.ERROR: "faulty",
        BlindReason.NOT_KNOWN: "its state is not known",
    },
)
_GERMAN: Final = _Words(
    grave="Von {events} Ereignissen hatten {grave} die Stufe hoch oder kritisch.",
    gravest="{at}, {camera} ({level}, {score}): {summary}.",
    clear="Alles ruhig: Es gab kein Ereignis der Stufe hoch oder kritisch, und jede Kamera hat durchgehend gearbeitet.",
    quiet="Es wurde kein Ereignis der Stufe hoch oder kritisch gesehen, aber nicht alles wurde überwacht.",
    seen="Ereignisse niedrigerer Stufe: {events}; ausgewertete Dateien: {looked}.",
    nothing="In dieser Zeit wurde nichts ausgewertet; ob es ruhig war, weiß niemand.",
    nobody="niemand überwachte {periods}",
    missed="nicht ausgewertet: {files}",
    silent="nichts kam von {cameras}",
    everywhere="alle Kameras",
    more="{count} weitere",
    levels={RiskLevel.HIGH: "hoch", RiskLevel.CRITICAL: "kritisch"},
    reasons={
        BlindReason.NOT_RUNNING: "die Engine lief nicht",
        BlindReason.INTAKE_PAUSED: "es wurden keine Dateien angenommen",
        BlindReason.NOT_LOOKING: "der Detektor arbeitete nicht",
        BlindReason.OFFLINE: "offline",
        BlindReason.BLIND: "ihre Bilder waren nicht auswertbar",
        BlindReason.DEGRADED: "ihr Blick war beeinträchtigt",
        BlindReason.ERROR: "gestört",
        BlindReason.NOT_KNOWN: "ihr Zustand ist nicht bekannt",
    },
)


def written_language(language: str) -> str:
    """Give the language in which fixed sentences are written: German for German, else English."""
    return "de" if language.lower().partition("-")[0].partition("_")[0] == "de" else "en"


def told(facts: Facts, language: str) -> str:
    """Write two to four sentences about a time."""
    words, gaps = _words(language), gaps_told(facts, language)
    if facts.grave:
        first = facts.grave[0]
        summary = plain(first.summary, _LONGEST_EVENT).rstrip(". ")
        sentences = [
            words.grave.format(events=facts.events, grave=len(facts.grave)),
            words.gravest.format(
                at=_moment(first.at, facts),
                camera=plain(first.camera_name, 60),
                level=words.levels.get(first.level, first.level.value),
                score=first.score,
                summary=summary,
            ),
        ]
    elif not facts.looked:
        sentences = [words.nothing]
    else:
        counts = words.seen.format(events=facts.events, looked=facts.looked)
        sentences = [words.clear if facts.all_clear else words.quiet, counts]
    return " ".join([*sentences, *([gaps] if gaps else [])])


def gaps_told(facts: Facts, language: str) -> str | None:
    """Write the one sentence that names what was not watched or not analysed; None where all was."""
    words = _words(language)
    parts = []
    if facts.blind:
        parts.append(words.nobody.format(periods=_listed([_period(one, facts, words) for one in facts.blind], words)))
    if facts.unanalysed:
        files = [f"{plain(one.camera_name, 60)} ({one.files})" for one in facts.unanalysed]
        parts.append(words.missed.format(files=_listed(files, words)))
    if facts.silent:
        cameras = _listed([plain(name, 60) for name in facts.silent], words)
        parts.append(words.silent.format(cameras=cameras))
    if not parts:
        return None
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _period(one: BlindPeriod, facts: Facts, words: _Words) -> str:
    who = words.everywhere if one.camera_id is None else plain(one.camera_name or one.camera_id, 60)
    reason = words.reasons.get(one.reason, one.reason.value)
    return f"{who} {_moment(one.since, facts)}\N{EN DASH}{_moment(one.until, facts)} ({reason})"  # fmt: skip


def _listed(items: Sequence[str], words: _Words) -> str:
    shown = list(items[:_MOST_NAMED])
    if len(items) > _MOST_NAMED:
        shown.append(words.more.format(count=len(items) - _MOST_NAMED))
    return ", ".join(shown)


def _moment(at: datetime, facts: Facts) -> str:
    local = at.astimezone(facts.zone)
    one_day = (facts.until - facts.since).total_seconds() <= 26 * 3600
    return f"{local:%H:%M}" if one_day else f"{local:%Y-%m-%d %H:%M}"


def _words(language: str) -> _Words:
    return _GERMAN if written_language(language) == "de" else _ENGLISH
