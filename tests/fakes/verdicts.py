"""Verdicts that a person wants anew, over a dictionary."""

from collections.abc import Awaitable, Callable

from home_sentry_engine.contract import Event, EventQuestion, EventQuestions, Reassessment


class FakeVerdicts:
    def __init__(self, pause: Callable[[], Awaitable[None]], events: dict[str, Event]) -> None:
        self._pause, self._events = pause, events
        self.wanted: list[str] = []

    async def reassess(self, event_id: str) -> Reassessment | None:
        await self._pause()
        if (event := self._events.get(event_id)) is None:
            return None
        self.wanted.append(event_id)
        return Reassessment(event_id=event_id, revision=event.revision, risk_score=event.risk_score)

    async def questions(self, event_id: str) -> EventQuestions | None:
        await self._pause()
        if (event := self._events.get(event_id)) is None:
            return None
        asked = EventQuestion(at=event.started_at, model_id="nemotron", prompt="Who is it?", answer="{}", score=20)
        return EventQuestions(event_id=event_id, items=(asked,))
