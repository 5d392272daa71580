"""Notes by key never outgrow their bound, and what is in use stays."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.resilience.recent import Recent


@given(most=st.integers(1, 4), steps=st.lists(st.tuples(st.booleans(), st.integers(0, 6))))
def test_what_was_used_last_is_kept(most, steps):
    recent, used = Recent[int, int](most), OrderedDict[int, int]()
    for number, (puts, key) in enumerate(steps):
        if puts:
            recent.put(key, number)
            used[key] = number
        assert recent.get(key) == used.get(key)
        if key in used:
            used.move_to_end(key)
        while len(used) > most:
            used.popitem(last=False)
        assert len(recent) == len(used)


def test_a_bound_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Recent[str, int](0)
