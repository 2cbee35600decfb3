from datetime import UTC, datetime, timedelta

from demo.controllers import progress
from demo.objects import condition

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def status(replicas, updated, available, conditions=()):
    counts = {"replicas": replicas, "updatedReplicas": updated, "readyReplicas": available}
    return {**counts, "availableReplicas": available, "conditions": [dict(item) for item in conditions]}


def judged(old, new, rs="web-1", now=NOW):
    deployment = {"spec": {"replicas": 3, "strategy": {"type": "RollingUpdate"}}, "status": old}
    wait = progress.judge_progress(deployment, new, rs, now, 10.0)
    return condition({"status": new}, "Progressing"), wait


def test_all_updated_and_available_is_done():
    """Done needs no further look at the clock."""
    found, wait = judged(status(3, 3, 2), status(3, 3, 3))

    assert (found["status"], found["reason"], wait) == ("True", "NewReplicaSetAvailable", None)


def test_a_rollout_that_stands_still_is_late_after_its_deadline():
    """No pod more for the whole deadline: Progressing becomes False, once and for all."""
    begun, _ = judged({}, status(3, 1, 0))
    still = status(3, 1, 0, [begun])

    waiting, wait = judged(still, status(3, 1, 0, [begun]), now=NOW + timedelta(seconds=4))
    late, _ = judged(still, status(3, 1, 0, [begun]), now=NOW + timedelta(seconds=11))

    assert (waiting["reason"], round(wait)) == ("ReplicaSetUpdated", 7)
    assert (late["status"], late["reason"]) == ("False", "ProgressDeadlineExceeded")


def test_a_new_replica_set_starts_the_clock_again():
    """After a rollback the verdict on the revision before says nothing."""
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    late |= {"message": 'ReplicaSet "web-1" has timed out progressing.', "lastUpdateTime": "2026-01-05T08:00:00Z"}

    found, _ = judged(status(3, 3, 0, [late]), status(3, 0, 0, [late]), rs="web-2")

    assert (found["status"], found["reason"]) == ("True", "ReplicaSetUpdated")


def test_a_finished_rollout_stays_finished_when_a_pod_falls_ill():
    """A crash later on is for Available to tell, not for Progressing."""
    done, _ = judged(status(3, 3, 2), status(3, 3, 3))

    found, _ = judged(status(3, 3, 3, [done]), status(3, 3, 1, [done]))

    assert found["reason"] == "NewReplicaSetAvailable"
