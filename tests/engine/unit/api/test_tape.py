"""The tape gives every message after a number, or says that it cannot."""

from hypothesis import given
from hypothesis import strategies as st

from home_sentry_engine.api.ports import Published
from home_sentry_engine.api.tape import Tape

STEPS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50)), max_size=200)


@given(STEPS, st.integers(1, 30), st.integers(1, 600), st.integers(0, 400), st.integers(1, 50))
def test_it_gives_exactly_what_follows_or_none(steps, most, most_bytes, seq, limit):
    tape = Tape(5, most_messages=most, most_bytes=most_bytes)
    written: list[Published] = []
    for step, size in steps:
        message = Published(seq=tape.last + step, body=b"x" * size)
        assert tape.add(message)
        written.append(message)
    following = [message for message in written if message.seq > seq]
    found = tape.after(seq, limit)
    if found is None:
        assert seq < 5 or following
    else:
        assert list(found) == following[:limit]
        assert tape.behind(seq) == (len(following), sum(len(message.body) for message in following))
    kept = tape.after(tape.last - 1, 10)
    assert kept is None or len(kept) <= 1


@given(STEPS)
def test_what_fits_is_always_there(steps):
    tape = Tape(0, most_messages=1000, most_bytes=1_000_000)
    for step, size in steps:
        tape.add(Published(seq=tape.last + step, body=b"x" * size))
    found = tape.after(0, 1000)
    assert found is not None
    assert len(found) == len(steps)


def test_it_forgets_the_oldest_and_does_not_grow():
    tape = Tape(0, most_messages=100, most_bytes=10_000_000)
    for seq in range(1, 20_001):
        tape.add(Published(seq=seq, body=b"x"))
    assert tape.after(19_899, 1) is None
    found = tape.after(19_900, 1000)
    assert found is not None
    assert [message.seq for message in found] == list(range(19_901, 20_001))
    assert len(tape._messages) < 3_000


def test_what_is_not_newer_is_left_out():
    tape = Tape(3, most_messages=10, most_bytes=100)
    added = [tape.add(Published(seq=seq, body=b"")) for seq in (2, 3, 4, 4, 6, 5)]
    assert added == [False, False, True, False, True, False]
    assert tape.last == 6
