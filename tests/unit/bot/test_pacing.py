"""How soon a message is edited or tried again."""

from bot.pacing import Pacing


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_progress_waits_and_a_change_of_mood_does_not():
    """A decision or an end is shown at once."""
    clock = Clock()
    pacing = Pacing(now=clock, gap=2)
    pacing.shown("m", "approved:", edited=True)

    assert pacing.too_soon("m", "approved:")
    assert not pacing.too_soon("m", "approved:succeeded")


def test_what_was_held_back_is_looked_at_when_it_may_go():
    """Not before, and not in a busy loop."""
    clock = Clock()
    pacing = Pacing(now=clock, gap=2)
    pacing.shown("m", "x", edited=True)
    pacing.too_soon("m", "x")
    first = pacing.next_wake()
    clock.now += 2
    second = pacing.next_wake()

    assert (first, second, pacing.next_wake()) == (2, 0.01, 60)
    assert not pacing.too_soon("m", "x")


def test_the_first_edit_after_posting_never_waits():
    """A card that was just posted may be decided within a second."""
    pacing = Pacing(now=Clock(), gap=2)
    pacing.shown("m", "pending:", edited=False)

    assert not pacing.too_soon("m", "pending:")


def test_failures_wait_longer_each_time_up_to_a_minute():
    """And start over after a success."""
    pacing = Pacing(now=Clock())
    waits = [pacing.backoff("m") for _ in range(12)]
    pacing.shown("m", "", edited=False)

    assert waits[0] < 1 < waits[3] < waits[6]
    assert all(wait <= 72 for wait in waits)
    assert pacing.backoff("m") < 1


def test_a_lane_rests_for_as_long_as_it_was_told():
    """Then it is served again."""
    clock = Clock()
    pacing = Pacing(now=clock)
    pacing.rest("lane", 3)

    assert pacing.resting("lane")
    clock.now += 3
    assert not pacing.resting("lane")
