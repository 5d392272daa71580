"""The doctor: looks at everything that the engine needs, and says of each what is wrong and what helps."""

from .examine import examine
from .findings import Finding, State, worst

__all__ = ["Finding", "State", "examine", "worst"]
