from hypothesis import given
from hypothesis import strategies as st

from demo.controllers import rollouts
from demo.controllers.rollouts import Bounds, Sizes


def deployment(replicas, **rolling):
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    return {"spec": {"replicas": replicas, "strategy": strategy}}


def test_percentages_round_up_for_surge_and_down_for_unavailable():
    """25 % of three: one more allowed, none missing."""
    assert rollouts.bounds(deployment(3, maxSurge="25%", maxUnavailable="25%")) == Bounds(surge=1, unavailable=0)
    assert rollouts.bounds(deployment(8, maxSurge=0, maxUnavailable="30%")) == Bounds(surge=0, unavailable=2)


def test_two_zeros_would_never_move_so_one_may_be_missing():
    """The real controller resolves the deadlock the same way."""
    assert rollouts.bounds(deployment(2, maxSurge=0, maxUnavailable="10%")) == Bounds(surge=0, unavailable=1)


def test_a_fresh_rollout_may_first_only_surge():
    """Three old available, none may be missing: one new pod, no old one goes."""
    limits, old = Bounds(surge=1, unavailable=0), [Sizes(3, 3)]

    assert rollouts.new_size(3, Sizes(0, 0), old, limits) == 1
    assert rollouts.old_sizes(3, Sizes(1, 0), old, limits) == [3]
    assert rollouts.old_sizes(3, Sizes(1, 1), old, limits) == [2]


def test_unhealthy_old_pods_go_first_and_at_once():
    """A broken revision is no reason to be careful: replacing its pods takes nothing away."""
    limits = Bounds(surge=1, unavailable=1)

    assert rollouts.old_sizes(4, Sizes(0, 0), [Sizes(2, 0), Sizes(2, 2)], limits) == [1, 2]


def test_scaling_without_a_rollout_is_immediate():
    """With no old pods the new ReplicaSet takes the wanted size, up or down."""
    limits = Bounds(surge=1, unavailable=0)

    assert rollouts.new_size(7, Sizes(3, 3), [], limits) == 7
    assert rollouts.new_size(1, Sizes(3, 3), [], limits) == 1


@given(
    replicas=st.integers(0, 30),
    sizes=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=4),
    surge=st.integers(0, 10),
    unavailable=st.integers(0, 10),
)
def test_no_step_exceeds_its_bounds(replicas, sizes, surge, unavailable):
    """Never grow beyond the surge, never take away an available pod that is needed."""
    limits = Bounds(surge, min(unavailable, replicas))
    counts = [Sizes(wanted, min(wanted, available)) for wanted, available in sizes]
    new, old = counts[0], counts[1:]

    grown = rollouts.new_size(replicas, new, old, limits)
    left = rollouts.old_sizes(replicas, new, old, limits)

    total = grown + sum(size.wanted for size in old)
    assert total <= max(replicas + surge, new.wanted + sum(size.wanted for size in old))
    assert all(0 <= after <= size.wanted for after, size in zip(left, old, strict=True))
    before = new.available + sum(size.available for size in old)
    after = new.available + sum(min(size.available, kept) for size, kept in zip(old, left, strict=True))
    assert after >= min(before, replicas - limits.unavailable)


@given(replicas=st.integers(0, 12), surge=st.integers(0, 5), unavailable=st.integers(0, 5))
def test_a_rollout_always_finishes(replicas, surge, unavailable):
    """When every new pod becomes available, the old ones are all gone after finitely many rounds."""
    limits = rollouts.bounds(deployment(replicas, maxSurge=surge, maxUnavailable=unavailable))
    new, old = 0, replicas
    for _ in range(2 * replicas + 2):
        new = rollouts.new_size(replicas, Sizes(new, new), [Sizes(old, old)], limits)
        [old] = rollouts.old_sizes(replicas, Sizes(new, new), [Sizes(old, old)], limits)

    assert (new, old) == (replicas, 0)


def test_the_hash_sees_through_what_means_the_same():
    """Nulls, timestamps and the hash label itself do not make a new revision."""
    plain = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
    noisy = {
        "metadata": {"creationTimestamp": None, "labels": {"app": "web", "pod-template-hash": "x"}},
        "spec": {"containers": [{"image": "i", "name": "a", "env": None}]},
    }

    assert rollouts.template_hash(plain) == rollouts.template_hash(noisy)
    noisy["spec"]["containers"][0]["image"] = "other"
    assert rollouts.template_hash(plain) != rollouts.template_hash(noisy)
