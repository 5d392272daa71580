"""Events as a house makes them over years, with words as they are spread in texts: few are common, most are rare."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import itertools
from random import Random
from typing import Final

from home_sentry_engine.contract import AnalysisState, Event, EventChange, Factor, ObjectGroup, RiskLevel, Transition

CAMERAS: Final = ("front_door", "driveway", "garden", "garage", "street", "back_door")
START: Final = datetime(2020, 1, 1, tzinfo=UTC)
STEP: Final = timedelta(seconds=97)
COMMON: Final = ("person", "door", "driveway", "car", "walks", "dark")
RARE: Final = "heron"
_RARE_EVERY: Final = 5_000
_SUBJECTS: Final = ("person", "dog", "car", "courier", "neighbour", "cat", "cyclist", "child")
_DEEDS: Final = ("walks", "stands", "rings", "waits", "parks", "runs", "delivers", "passes")
_PLACES: Final = ("door", "driveway", "gate", "fence", "garage", "path", "window", "street")
_SYLLABLES: Final = ("ba", "de", "ki", "lo", "mu", "na", "po", "ri", "sa", "tu", "ve", "wo")
_OTHERS: Final = tuple("".join(parts) for parts in itertools.product(_SYLLABLES, repeat=3))
_WEIGHTS: Final = tuple(itertools.accumulate(1 / place for place in range(1, len(_OTHERS) + 1)))


def made_events(count: int, *, first: int = 0) -> Iterator[Event]:
    """Make events number ``first`` and following, the same ones every time, older ones first."""
    random = Random(first)  # noqa: S311 no secret
    for number in range(first, first + count):
        yield _event(number, random)


def _event(number: int, random: Random) -> Event:
    subject, deed, place = random.choice(_SUBJECTS), random.choice(_DEEDS), random.choice(_PLACES)
    others = random.choices(_OTHERS, cum_weights=_WEIGHTS, k=12)
    bird = f" A {RARE} lands." if number % _RARE_EVERY == 0 else ""
    at = START + number * STEP
    camera = CAMERAS[number % len(CAMERAS)]
    score = random.randrange(100)
    level = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)[score // 25]
    return Event(
        event_id=f"{number:032x}",
        batch_id=f"b{number:031x}",
        camera_id=camera,
        camera_name=camera.replace("_", " ").capitalize(),
        started_at=at,
        ended_at=at + timedelta(seconds=30),
        risk_score=score,
        risk_level=level,
        rule_score=score,
        llm_score=None,
        floor=0,
        floor_reason=None,
        ceiling=100,
        ceiling_reason=None,
        analysis_state=AnalysisState.RULES,
        analysis_reason=None,
        analysis_detail=None,
        summary=f"A {subject} {deed} at the {place}, {' '.join(others[:5])}.{bird}",
        reasoning=f"It is {random.choice(('dark', 'bright', 'wet'))}; {' '.join(others[5:])}.",
        recommended_action=None,
        confidence=0.8,
        flags=(),
        unsupported=(),
        factors=(Factor(id="subject", points=score, text=f"A {subject}", evidence=()),),
        object_types=(subject,),
        groups=(ObjectGroup.PERSON,),
        detection_count=3,
        media_id=f"m{number:031x}",
        model_id=None,
        prompt_version=None,
        is_fast_path=False,
        revision=1,
        transitions=(_started(at, score, level),),
    )


def _started(at: datetime, score: int, level: RiskLevel) -> Transition:
    return Transition(
        revision=1, change=EventChange.STARTED, at=at, score=score, level=level, state=AnalysisState.PROVISIONAL
    )
