"""What one look found."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """``ok``; ``warn``: works, but not as well as it could; ``fail``: the engine cannot do its work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: what was looked at, how it is, what was seen, and what to do unless it is ok."""

    id: str
    state: State
    text: str
    fix: str | None = None
    facts: dict[str, object] = field(default_factory=dict)


def ok(name: str, text: str, **facts: object) -> Finding:
    """Make a finding without trouble."""
    return Finding(id=name, state=State.OK, text=text, facts=facts)


def warn(name: str, text: str, fix: str, **facts: object) -> Finding:
    """Make a finding of something that is worse than it could be."""
    return Finding(id=name, state=State.WARN, text=text, fix=fix, facts=facts)


def fail(name: str, text: str, fix: str, **facts: object) -> Finding:
    """Make a finding of something that keeps the engine from its work."""
    return Finding(id=name, state=State.FAIL, text=text, fix=fix, facts=facts)


def worst(findings: Iterable[Finding]) -> State:
    """Give the worst state of all."""
    order = list(State)
    return max((finding.state for finding in findings), key=order.index, default=State.OK)
