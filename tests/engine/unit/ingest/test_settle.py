from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from home_sentry_engine.ingest.settle import Settled, SettleRules, Settling
from home_sentry_engine.ingest.source import Stamp

RULES = SettleRules()


def _stamp(size: int, at: float = 0.0) -> Stamp:
    return Stamp(size, int(at * 1e9))


def _play(settling: Settling, until: float, sizes) -> list[tuple[float, str, Settled]]:
    """Look at what is due, on time, until a moment; ``sizes`` gives the size at a time, None for no file."""
    outcomes = []
    while (due := settling.next_due()) is not None and due <= until:
        for key in settling.due(due):
            size = sizes(due)
            outcome = settling.observe(key, due, None if size is None else _stamp(size))
            if outcome is not None:
                outcomes.append((due, key, outcome))
    return outcomes


def test_ten_events_in_four_tenths_of_a_second_are_one_job():
    settling = Settling(RULES)
    for number in range(10):
        settling.touched("a", 0.04 * number)
    outcomes = _play(settling, 60, lambda _: 1000)
    assert [(key, outcome) for _, key, outcome in outcomes] == [("a", Settled.READY)]
    # 0.36 s last event + 0.5 s debounce + 2.0 s of an unchanged size
    assert 2.86 <= outcomes[0][0] <= 2.9


def test_each_event_puts_the_first_look_off():
    settling = Settling(RULES)
    for number in range(40):
        settling.touched("a", 0.4 * number)
        assert settling.due(0.4 * number + 0.3) == []
    assert settling.next_due() == 39 * 0.4 + RULES.debounce_s


def test_growing_file_is_ready_two_seconds_after_its_last_growth():
    settling = Settling(RULES)
    settling.touched("a", 0.0)
    ((at, _, outcome),) = _play(settling, 60, lambda now: min(int(now * 1000), 7000))
    assert outcome is Settled.READY
    assert 9.0 <= at <= 9.0 + 2 * RULES.poll_s


def test_slow_upload_is_waited_for_with_a_slower_pace_and_never_dropped():
    settling = Settling(RULES)
    settling.touched("a", 0.0)
    looks = []

    def size(now):
        looks.append(now)
        return min(int(now), 300)

    ((at, _, outcome),) = _play(settling, 400, size)
    assert outcome is Settled.READY
    assert at <= 300 + 2 * RULES.slowest_poll_s + RULES.stable_s
    assert len(looks) < 60


def test_what_never_rests_is_reported_after_ten_minutes_and_starts_anew():
    settling = Settling(RULES)
    settling.touched("a", 0.0)
    ((at, _, outcome),) = _play(settling, 2000, lambda now: int(now * 10))
    assert outcome is Settled.GAVE_UP
    assert 600 <= at <= 600 + RULES.slowest_poll_s
    settling.touched("a", 2000.0)
    assert [one[2] for one in _play(settling, 2010, lambda _: 5)] == [Settled.READY]


def test_endless_events_do_not_put_it_off_for_ever():
    settling = Settling(RULES)
    for number in range(3000):
        settling.touched("a", 0.25 * number)
    assert settling.next_due() == RULES.give_up_s


def test_incomplete_closed_file_gets_one_more_wait():
    settling = Settling(RULES)
    settling.unfinished("a", 10.0, stamp=_stamp(500), closed=True)
    ((at, _, outcome),) = _play(settling, 60, lambda _: 500)
    assert outcome is Settled.FINAL
    assert at == 12.0


def test_incomplete_file_that_nobody_closed_is_left_in_peace_for_a_minute():
    settling = Settling(RULES)
    settling.unfinished("a", 10.0, stamp=_stamp(500), closed=False)
    ((at, _, outcome),) = _play(settling, 200, lambda _: 500)
    assert outcome is Settled.FINAL
    assert 70 <= at <= 70 + RULES.slowest_poll_s


def test_incomplete_file_that_goes_on_is_ready_again():
    settling = Settling(RULES)
    settling.unfinished("a", 0.0, stamp=_stamp(500), closed=False)
    ((at, _, outcome),) = _play(settling, 100, lambda now: 500 if now < 30 else 900)
    assert outcome is Settled.READY
    assert at <= 30 + RULES.slowest_poll_s + RULES.stable_s


def test_vanished_and_forgotten():
    settling = Settling(RULES)
    settling.touched("a", 0.0)
    settling.touched("b", 0.0)
    settling.forget("b")
    settling.forget("c")
    assert [one[2] for one in _play(settling, 9, lambda _: None)] == [Settled.GONE]
    assert len(settling) == 0
    assert settling.observe("a", 1.0, _stamp(1)) is None


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60))
def test_every_touched_file_ends_in_exactly_one_outcome(steps):
    settling, now, size, touched = Settling(RULES), 0.0, 0, False
    outcomes: list[Settled] = []
    for pause, grows in steps:
        now += pause
        if grows:
            size += 1
            settling.touched("a", now)
            touched = True
        for key in settling.due(now):
            outcome = settling.observe(key, now, _stamp(size))
            outcomes += [outcome] if outcome else []
    outcomes += [outcome for _, _, outcome in _play(settling, now + 3000, lambda _: size)]
    assert len(settling) == 0
    assert bool(outcomes) == touched
    assert not touched or outcomes[-1] is Settled.READY


class Writing(RuleBasedStateMachine):
    """Any order of writes, looks and reads: READY is only said of a file that held still for two seconds."""

    def __init__(self):
        super().__init__()
        self.settling, self.now, self.size, self.changed_at = Settling(RULES), 0.0, 0, 0.0
        self.seen_first: float | None = None

    @rule(pause=st.floats(0, 40))
    def wait(self, pause):
        self.now += pause

    @rule()
    def write(self):
        self.size += 1
        self.changed_at = self.now
        self.settling.touched("a", self.now)

    @rule()
    def silent_write(self):
        self.size += 1
        self.changed_at = self.now

    @rule(closed=st.booleans())
    def read_incomplete(self, closed):
        self.settling.unfinished("a", self.now, stamp=_stamp(self.size), closed=closed)

    @precondition(lambda self: self.settling.due(self.now))
    @rule()
    def look(self):
        outcome = self.settling.observe("a", self.now, _stamp(self.size))
        if outcome in {Settled.READY, Settled.FINAL}:
            assert self.now - self.changed_at >= RULES.stable_s

    @invariant()
    def bounded(self):
        assert len(self.settling) <= 1


TestWriting = Writing.TestCase
