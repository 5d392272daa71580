"""What each sample must lead to, and whether it did."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import time
from typing import Any, Final

from .engine import Engine
from .errors import TooLate
from .samples import Sample, sha256_of

BASIC_DETECTOR: Final = "opencv-basic"
# OpenCV's own detector finds a face looking at the camera, and is not sure enough of the rest
_BASIC_SEES: Final = frozenset({"astronaut"})

_LOOK_EVERY_S: Final = 2.0
_TAKEN_S: Final = 300.0
_ENDED_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one sample: the file as the engine stored it, what it saw, the event."""

    sample: Sample
    media: Mapping[str, Any] | None = None
    labels: tuple[str, ...] = ()
    event: Mapping[str, Any] | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """``label`` must be part of an event; None with ``is_empty`` means that there must be no event."""

    label: str | None
    is_empty: bool

    def fault(self, outcome: Outcome) -> str | None:
        """Say what is wrong with an outcome, None when nothing is."""
        if outcome.missing:
            return outcome.missing
        if self.is_empty:
            return f"an event although nothing is there: {outcome.event['summary']}" if outcome.event else None
        if self.label is None:
            return None
        if outcome.event is None:
            return f"no event, a {self.label} was expected"
        if self.label not in outcome.event["object_types"]:
            return f"no {self.label} in the event"
        return None


def expectation_of(sample: Sample, detector: str | None) -> Expectation:
    """Tell what this detector must make of a sample; of a picture that nobody described, nothing is expected."""
    able = detector != BASIC_DETECTOR or sample.name in _BASIC_SEES
    return Expectation(label=sample.shows if able else None, is_empty=sample.is_empty)


class Watch:
    """Follows files through the engine: one question every two seconds serves all who wait."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._events: dict[str, dict[str, Any]] = {}
        self._media: dict[str, dict[str, Any]] = {}
        self._asked_at = 0.0
        self._asking = asyncio.Lock()

    def tell(self, event: Mapping[str, Any]) -> None:
        """Take an event's newest revision."""
        self._events[event["event_id"]] = dict(event)

    async def outcome(self, sample: Sample, content: bytes) -> Outcome:
        """Wait until a file is looked at and its event, if there is one, has ended."""
        try:
            media = await self._looked_at(sha256_of(content), sample)
            if media["state"] == "failed":
                return Outcome(sample=sample, media=media, missing=f"it could not be looked at: {media['error']}")
            found = await self._engine.detections(media["id"])
            labels = tuple(sorted({item["label"] for item in found}))
            event_id = next((item["event_id"] for item in found if item["event_id"]), None)
            event = await self._ended(event_id, sample) if event_id else None
        except TooLate as err:
            return Outcome(sample=sample, missing=str(err))
        return Outcome(sample=sample, media=media, labels=labels, event=event)

    async def _looked_at(self, sha256: str, sample: Sample) -> dict[str, Any]:
        until = time.monotonic() + _TAKEN_S
        while time.monotonic() < until:
            media = (await self._newest_media()).get(sha256)
            if media is not None and media["state"] != "queued":
                return media
            await asyncio.sleep(_LOOK_EVERY_S / 4)
        raise TooLate(f"the engine did not look at {sample.name} within {_TAKEN_S:.0f} s")

    async def _newest_media(self) -> dict[str, dict[str, Any]]:
        async with self._asking:
            if time.monotonic() - self._asked_at > _LOOK_EVERY_S:
                self._media = await self._engine.media()
                self._asked_at = time.monotonic()
        return self._media

    async def _ended(self, event_id: str, sample: Sample) -> dict[str, Any]:
        until = time.monotonic() + _ENDED_S
        while time.monotonic() < until:
            event = self._events.get(event_id)
            if event is not None and event.get("ended_at") and event["analysis_state"] != "provisional":
                return event
            await asyncio.sleep(_LOOK_EVERY_S / 4)
        raise TooLate(f"the event of {sample.name} did not end within {_ENDED_S:.0f} s")


def report(outcomes: Sequence[Outcome], detector: str | None) -> tuple[list[str], bool]:
    """Give one line for each sample, and whether all expectations are met."""
    lines, good = [], True
    for outcome in outcomes:
        expectation = expectation_of(outcome.sample, detector)
        fault = expectation.fault(outcome)
        good = good and fault is None
        if outcome.event is not None:
            said = f"{', '.join(outcome.event['object_types'])}, {outcome.event['risk_level']} risk"
        else:
            said = "no event" + (f" (saw {', '.join(outcome.labels)})" if outcome.labels else "")
        free = "" if expectation.label or expectation.is_empty else _why_free(outcome.sample)
        lines.append(f"{'FAIL' if fault else 'ok':<5} {outcome.sample.name:<46} {fault or said + free}")
    return lines, good


def _why_free(sample: Sample) -> str:
    if sample.shows:
        return f" (a {sample.shows} is there, which this detector need not see)"
    return " (nothing was expected)"
