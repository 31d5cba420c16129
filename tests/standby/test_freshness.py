"""An answer that is let through lacks nothing that is older than the limit, whenever the primary was looked at."""

from hypothesis import given
from hypothesis import strategies as st

from app.standby.freshness import Freshness

LIMIT = 5.0
# Something is committed, the primary is looked at (and answers so much later), or a read is answered.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["commit", "look", "answer"]),
        st.floats(0, 4, allow_nan=False),
        st.floats(0, 2, allow_nan=False),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, 40))
def test_no_answer_lacks_what_was_committed_before_the_limit(steps: list[tuple[str, float, float]], held: int) -> None:
    now = 0.0
    freshness = Freshness(LIMIT, clock=lambda: now)
    commits: list[float] = []
    for step, pause, delay in steps:
        now += pause
        if step == "commit":
            commits.append(now)
        elif step == "look":
            asked_at = now
            now += delay
            # The snapshot of the primary is taken when the question arrives, or later.
            freshness.saw(asked_at, len(commits), "epoch")
        elif (floor := freshness.floor()) is not None and held >= floor:
            assert all(at >= now - LIMIT for at in commits[held:])


def test_without_a_word_of_the_primary_within_the_limit_nothing_is_let_through() -> None:
    now = 100.0
    freshness = Freshness(LIMIT, clock=lambda: now)
    assert freshness.floor() is None
    freshness.saw(now, 7, "epoch")
    now += LIMIT
    assert freshness.floor() == 7
    now += 0.001
    assert freshness.floor() is None


def test_the_oldest_look_within_the_limit_is_the_floor_and_a_new_history_has_one_of_its_own() -> None:
    now = 100.0
    freshness = Freshness(LIMIT, clock=lambda: now)
    for edition in (7, 8, 9):
        assert not freshness.saw(now, edition, "epoch")
        now += 2.0
    assert freshness.floor() == 8
    assert (freshness.lag(9), freshness.lag(8), freshness.lag(7)) == (0.0, 2.0, 4.0)
    assert freshness.saw(now, 3, "another")
    assert (freshness.floor(), freshness.lag(3)) == (3, 0.0)
