"""Pods as kubectl shows them, rollouts by the rules of Kubernetes, the end of a log."""

from typing import Any

import pytest

from controlplane.server.reading import logs
from controlplane.server.reading.deployments import status_of as rollout_of
from controlplane.server.reading.pods import status_of


def container(**state: Any) -> dict[str, Any]:
    return {"name": "app", "state": state}


READY = [{"type": "Ready", "status": "True"}]
RUNNING = {**container(running={}), "ready": True}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({}, "Unknown"),
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"phase": "Running", "containerStatuses": [RUNNING]}, "Running"),
        ({"phase": "Running", "containerStatuses": [container(waiting={"reason": "CrashLoopBackOff"})]}, "CrashLoopBackOff"),
        ({"phase": "Pending", "containerStatuses": [container(waiting={"reason": "ImagePullBackOff"})]}, "ImagePullBackOff"),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"reason": "OOMKilled"})]}, "OOMKilled"),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 3})]}, "ExitCode:3"),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"signal": 9, "exitCode": 137})]}, "Signal:9"),
        (
            {"phase": "Running", "containerStatuses": [RUNNING, container(terminated={"reason": "Completed"})],
             "conditions": READY},
            "Running",
        ),
        (
            {"phase": "Running", "containerStatuses": [RUNNING, container(terminated={"reason": "Completed"})]},
            "NotReady",
        ),
        ({"phase": "Succeeded", "containerStatuses": [container(terminated={"reason": "Completed"})]}, "Completed"),
        (
            {"phase": "Running",
             "containerStatuses": [container(waiting={"reason": "ErrImagePull"}), container(waiting={"reason": "Later"})]},
            "ErrImagePull",
        ),
    ],
)  # fmt: skip
def test_the_status_of_a_pod_is_that_of_kubectl(status: dict[str, Any], shown: str) -> None:
    """The reason of a container hides the phase of the pod."""
    assert status_of({"status": status}) == shown


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ([{"running": {}}, {"waiting": {"reason": "PodInitializing"}}], "Init:0/2"),
        ([{"terminated": {"exitCode": 0}}, {"waiting": {"reason": "PodInitializing"}}], "Init:1/2"),
        ([{"terminated": {"exitCode": 1, "reason": "Error"}}, {}], "Init:Error"),
        ([{"terminated": {"exitCode": 2}}, {}], "Init:ExitCode:2"),
        ([{"waiting": {"reason": "CrashLoopBackOff"}}, {}], "Init:CrashLoopBackOff"),
        ([{"terminated": {"exitCode": 0}}, {"terminated": {"exitCode": 0}}], "Running"),
    ],
)
def test_init_containers_come_first(states: list[dict[str, Any]], shown: str) -> None:
    """How many are done, or what is wrong with the first that is not."""
    statuses = [{"name": f"i{number}", "state": state} for number, state in enumerate(states)]
    pod = {
        "spec": {"initContainers": [{"name": "i0"}, {"name": "i1"}]},
        "status": {"phase": "Running", "initContainerStatuses": statuses},
    }

    assert status_of(pod) == shown


def test_a_started_sidecar_does_not_hold_up_the_pod() -> None:
    """An init container that restarts always is done when it has started."""
    pod = {
        "spec": {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}]},
        "status": {
            "phase": "Running",
            "initContainerStatuses": [{"name": "proxy", "started": True, "state": {"running": {}}}],
            "containerStatuses": [RUNNING],
        },
    }

    assert status_of(pod) == "Running"


@pytest.mark.parametrize(("reason", "shown"), [("", "Terminating"), ("NodeLost", "Unknown")])
def test_a_pod_that_is_being_deleted_says_so(reason: str, shown: str) -> None:
    """Unless its node is gone."""
    pod = {"metadata": {"deletionTimestamp": "2026-01-05T09:00:00Z"}, "status": {"phase": "Running", "reason": reason}}

    assert status_of(pod) == shown


def deployment(desired: int = 3, observed: int = 2, paused: bool = False, **status: Any) -> dict[str, Any]:
    counts = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 2, "resourceVersion": "7"},
        "spec": {"replicas": desired, "paused": paused, "template": {"spec": {"containers": [{"image": "a:1"}]}}},
        "status": {"observedGeneration": observed, **counts, **status},
    }


LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
QUOTA = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}


@pytest.mark.parametrize(
    ("one", "state", "reason"),
    [
        (deployment(), "complete", ""),
        (deployment(observed=1), "progressing", "the change has not been picked up yet"),
        (deployment(updatedReplicas=1), "progressing", "1 of 3 replicas have been updated"),
        (deployment(replicas=4), "progressing", "1 old replicas are being terminated"),
        (deployment(desired=1), "progressing", "2 old replicas are being terminated"),
        (deployment(availableReplicas=2), "progressing", "2 of 3 updated replicas are available"),
        (
            deployment(availableReplicas=2, paused=True),
            "progressing",
            "the rollout is paused; 2 of 3 updated replicas are available",
        ),
        (deployment(availableReplicas=0, conditions=[LATE]), "failed", "ProgressDeadlineExceeded: timed out"),
        (deployment(observed=1, conditions=[LATE]), "progressing", "the change has not been picked up yet"),
        (deployment(updatedReplicas=0, conditions=[QUOTA]), "progressing", "FailedCreate: exceeded quota"),
        (deployment(desired=0, replicas=0, updatedReplicas=0, availableReplicas=0), "complete", ""),
    ],
)
def test_a_rollout_follows_the_rules_of_kubernetes(one: dict[str, Any], state: str, reason: str) -> None:
    """Observed, updated, old ones gone, available; or failed by its deadline."""
    status = rollout_of(one)

    assert (status.state, status.reason) == (state, reason)


def test_a_deployment_without_a_status_yet_is_progressing() -> None:
    """Right after it was created."""
    one = deployment()
    one["status"] = {}

    assert rollout_of(one).state == "progressing"


def test_the_end_of_a_log_is_whole_lines() -> None:
    """Bounded by number; Windows line ends and bytes that are no text do not stop it."""
    assert logs.tail(b"a\r\nb\nc", 2) == (["b", "c"], True)
    assert logs.tail(b"a\n\nb\n", 5) == (["a", "", "b"], False)
    assert logs.tail(b"\xff\n", 5) == (["\ufffd"], False)
    assert logs.tail(b"", 5) == ([], False)


def test_a_log_that_is_too_large_begins_with_a_whole_line() -> None:
    """Also when the cut falls exactly between two."""
    line = b"x" * 1023 + b"\n"
    kept, truncated = logs.tail(line * 600, 5000)
    assert (len(kept), truncated) == (logs.MOST_BYTES // 1024, True)

    kept, truncated = logs.tail(b"y" + line * 600 + b"z", 5000)
    assert truncated
    assert kept[0] == "x" * 1023
