import pytest

from agents.agent import ActivityRecorder as AgentsPort
from agents.agent import TaskResult
from observability import logging
from observability.activity import ActivityRecorder
from observability.metrics import Metrics
from security.redaction import redact_plain
from security.subjects import SecurityContext

CONTEXT = SecurityContext("alice", "demo", "jwt", (), "s1", "r1")


@pytest.fixture
def audited():
    return []


@pytest.fixture
def recorder(audited):
    async def audit(**fields):
        audited.append(fields)

    return ActivityRecorder(metrics=Metrics(), audit=audit, redact=redact_plain)


async def test_one_call_gives_metric_and_audit_record(recorder, audited):
    """What an agent did is known from one place."""
    port: AgentsPort = recorder
    with logging.context(run_id="run1"):
        await port.record(
            agent="k8s", action="get_pods", result=TaskResult(True, {}, "ok"), context=CONTEXT, duration=0.1
        )

    (record,) = audited
    assert (record["type"], record["actor"], record["action"], record["outcome"]) == (
        "agent_activity", "alice", "k8s.get_pods", "done",
    )  # fmt: skip
    assert (record["request_id"], record["session_id"], record["run_id"]) == ("r1", "s1", "run1")
    labels = {"agent": "k8s", "action": "get_pods", "workspace": "demo", "success": "true"}
    assert recorder._metrics.value("aiops_agent_executions_total", **labels) == 1


async def test_a_failure_is_recorded_with_its_code_and_without_secrets(recorder, audited):
    """The message of a failure may quote a log line."""
    failure = TaskResult(
        False, {}, "cannot log in with password=hunter2", "K8S_OPERATION_ERROR", {"kind": "NetworkError"}
    )

    await recorder.record(agent="k8s", action="get_pods", result=failure, context=CONTEXT, duration=0.1)

    (record,) = audited
    assert (record["outcome"], record["reason"]) == ("failed", "K8S_OPERATION_ERROR")
    assert record["details"]["kind"] == "NetworkError"
    assert "hunter2" not in str(record)


async def test_an_activity_that_cannot_be_audited_is_not_passed_over():
    """No audit record, no operation: the caller learns of it."""

    async def full_disk(**_):
        raise OSError("disk full")

    recorder = ActivityRecorder(metrics=Metrics(), audit=full_disk, redact=redact_plain)

    with pytest.raises(OSError, match="disk full"):
        await recorder.record(
            agent="k8s", action="get_pods", result=TaskResult(True, {}, "ok"), context=CONTEXT, duration=0.1
        )


def test_the_span_of_a_workflow_is_named_and_attributed_as_specified(recorder):
    """aiops.workflow.<name> with user, workspace, session and request."""
    span = recorder.trace_workflow_execution("scale_application", CONTEXT)

    assert span._name == "aiops.workflow.scale_application"
    assert span._attributes == {"user.id": "alice", "workspace.id": "demo", "session.id": "s1", "request.id": "r1"}
