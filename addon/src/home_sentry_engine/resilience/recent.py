"""What was used last, by key: for notes about things that may go away without a word."""

from collections import OrderedDict
from collections.abc import Hashable


class Recent[K: Hashable, V]:
    """A mapping of at most ``most`` entries; where another one comes, the one used longest ago goes."""

    def __init__(self, most: int) -> None:
        """Start empty; ``most`` is at least 1."""
        if most < 1:
            raise ValueError(f"at least 1 entry has to be kept, not {most}")
        self._most = most
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """Give an entry and count that as use; None where there is none."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep an entry, in place of an earlier one of the same key."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
