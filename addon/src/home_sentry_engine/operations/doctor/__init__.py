"""The doctor: looks at everything that the engine needs, and says of each what is wrong and what helps."""

from .findings import Finding, State, worst
from .round import examine

__all__ = ["Finding", "State", "examine", "worst"]
