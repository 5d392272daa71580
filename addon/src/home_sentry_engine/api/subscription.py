"""What a client wants to hear: types of messages and cameras, each by name or by its beginning."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from home_sentry_engine.contract.errors import InvalidRequest

# sent only to those who name them
_ON_REQUEST: Final = frozenset({"performance_update"})
_MOST: Final = 64
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class Patterns:
    """Names, and beginnings of names; none of either means every name."""

    names: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """Read patterns: a ``*`` is allowed at the end only; raises ``InvalidRequest``."""
        words = tuple(words)
        if len(words) > _MOST or any(not word or len(word) > _LONGEST or "*" in word[:-1] for word in words):
            raise InvalidRequest(f"a pattern is a name, or its beginning and a '*'; at most {_MOST} of them")
        return cls(
            frozenset(word for word in words if not word.endswith("*")),
            tuple(word[:-1] for word in words if word.endswith("*")),
        )

    def fit(self, name: str) -> bool:
        """Tell whether a name is meant."""
        if not self.names and not self.beginnings:
            return True
        return name in self.names or name.startswith(self.beginnings)


@dataclass(frozen=True, slots=True)
class Subscription:
    """The wish of one client; without any it hears everything that need not be named."""

    types: Patterns = Patterns()
    cameras: Patterns = Patterns()

    @classmethod
    def of(cls, types: Iterable[str], cameras: Iterable[str]) -> Subscription:
        """Read a wish from the wire; raises ``InvalidRequest``."""
        wish = cls(Patterns.of(types), Patterns.of(cameras))
        return wish if wish != EVERYTHING else EVERYTHING

    def wants(self, kind: str, camera_id: str | None = None) -> bool:
        """Tell whether a message is wanted; one without a camera passes the cameras."""
        if self is EVERYTHING:
            return kind not in _ON_REQUEST
        if kind in _ON_REQUEST and kind not in self.types.names:
            return False
        return self.types.fit(kind) and (camera_id is None or self.cameras.fit(camera_id))


# most clients wish for nothing in particular, which is told apart at once
EVERYTHING: Final = Subscription()
