"""Reading values out of what services answer: of the right kind, or the service is told to make no sense."""

from collections.abc import Mapping
import sys
from typing import Any, Final, TypeGuard

from home_sentry_engine.domain.errors import Unavailable

_LARGEST: Final = sys.float_info.max


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a number that a float can hold; whole numbers of JSON may be larger than any."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def number_in(found: Mapping[str, Any], name: str, failure: type[Unavailable]) -> float:
    """Give a finite number; raises ``failure``."""
    value = found.get(name)
    if not is_number(value):
        raise failure(f"the answer lacks the number {name}", code="service_nonsense")
    return float(value)


def text_in(found: Mapping[str, Any], name: str, failure: type[Unavailable]) -> str:
    """Give a text; raises ``failure``."""
    value = found.get(name)
    if not isinstance(value, str):
        raise failure(f"the answer lacks the text {name}", code="service_nonsense")
    return value


def scores_in(found: Mapping[str, Any], name: str, failure: type[Unavailable]) -> dict[str, float]:
    """Give numbers by name; raises ``failure``."""
    value = found.get(name)
    if not isinstance(value, dict) or not value:
        raise failure(f"the answer lacks the scores {name}", code="service_nonsense")
    return {str(key): number_in(value, key, failure) for key in value}


def numbers_in(found: Mapping[str, Any], name: str, failure: type[Unavailable]) -> list[float]:
    """Give a list of finite numbers; raises ``failure``."""
    value = found.get(name)
    if not isinstance(value, list) or not value:
        raise failure(f"the answer lacks the numbers {name}", code="service_nonsense")
    return [number_in({name: one}, name, failure) for one in value]
