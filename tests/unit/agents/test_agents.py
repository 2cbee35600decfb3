"""The contract of agents: actions, error codes, what reaches the control plane, and one record of each activity."""

from dataclasses import replace

import pytest

from agents.agent import TaskResult
from agents.orchestrator import OrchestrationAgent
from agents.ports import Refused, Started
from controlplane.contract import errors as cp
from controlplane.contract import models

STATUS = {
    "name": "web",
    "namespace": "shop",
    "uid": "u",
    "generation": 2,
    "observed_generation": 2,
    "resource_version": "10",
    "desired": 3,
    "replicas": 3,
    "updated": 3,
    "ready": 3,
    "available": 3,
    "unavailable": 0,
    "state": "complete",
    "reason": "",
    "images": ["nginx:1"],
    "created": "",
}
TARGET = models.Target(kind="Deployment", namespace="shop", name="web", uid="u", generation=1, resource_version="9")
OUTCOME = models.Outcome(
    operation="scale_deployment",
    target=TARGET,
    changes=(models.Change(path="spec.replicas", before=3, after=5),),
)
SCALE = {
    "action": "scale_deployment",
    "deployment_name": "web",
    "namespace": "shop",
    "replicas": 5,
    "idempotency_key": "run-1:perform_scaling",
}


def test_a_context_never_shows_its_token(context):
    """The representation goes to logs and traces."""
    assert "a.b.c" not in repr(context)


async def test_an_unknown_action_is_a_result_and_is_recorded(kubernetes, context, recorder):
    """Agents do not raise across their border."""
    result = await kubernetes.execute({"action": "fly"}, context)

    assert (result.success, result.error_code) == (False, "UNKNOWN_ACTION")
    assert [(agent, action) for agent, action, _ in recorder.records] == [("KubernetesAgent", "fly")]


@pytest.mark.parametrize("missing", ["deployment_name", "namespace", "replicas"])
async def test_missing_parameters_are_named(kubernetes, context, operations, missing):
    """Nothing is sent when a parameter is missing; zero replicas is not missing."""
    result = await kubernetes.execute({name: value for name, value in SCALE.items() if name != missing}, context)

    assert result.error_code == "MISSING_PARAMETERS"
    assert missing in result.message
    assert operations.asked == []


async def test_scaling_to_zero_is_not_a_missing_parameter(kubernetes, context, operations):
    """0 is a number."""
    operations.script("execute", "scale_deployment", OUTCOME)

    assert (await kubernetes.execute({**SCALE, "replicas": 0}, context)).success


async def test_scaling_sends_the_specified_names_and_the_key(kubernetes, context, operations):
    """Wire names, token, request id and idempotency key arrive; what else a task holds does not."""
    operations.script("execute", "scale_deployment", OUTCOME)

    result = await kubernetes.execute({**SCALE, "cluster": "east", "input_from_validate": {}}, context)

    [sent] = operations.calls("execute")
    assert sent.parameters == {
        "workspace_id": "demo",
        "cluster": "east",
        "namespace": "shop",
        "deployment_name": "web",
        "replicas": 5,
    }
    assert (sent.caller.token, sent.caller.request_id, sent.key) == ("a.b.c", "request-1", "run-1:perform_scaling")
    assert result.message == "Scaled web to 5 replicas in namespace shop"
    assert result.data["replicas_before"] == 3


async def test_without_the_permission_nothing_is_sent(kubernetes, context, operations):
    """The agent's own check saves the call; the code is the specification's."""
    result = await kubernetes.execute(SCALE, replace(context, permissions=("deployments.scale:staging",)))

    assert (result.error_code, result.happened) == ("PERMISSION_DENIED", False)
    assert operations.asked == []


@pytest.mark.parametrize(
    ("task", "kind", "operation", "code"),
    [
        (SCALE, "execute", "scale_deployment", "SCALE_OPERATION_FAILED"),
        ({"action": "get_pods", "namespace": "shop"}, "read", "get_pods", "GET_PODS_FAILED"),
        ({"action": "get_logs", "namespace": "shop", "pod_name": "p"}, "read", "get_logs", "GET_LOGS_FAILED"),
        ({"action": "get_events", "namespace": "shop"}, "read", "get_events", "K8S_OPERATION_ERROR"),
    ],
)
async def test_failures_have_the_codes_of_the_specification(
    kubernetes, context, operations, task, kind, operation, code
):
    """Each action its own code, and whether a change may have happened is kept."""
    operations.script(kind, operation, cp.OperationTimeoutError("slow"))

    result = await kubernetes.execute(task, context)

    assert (result.error_code, result.message, result.happened) == (code, "slow", None)
    assert result.metadata["kind"] == "OperationTimeoutError"


async def test_a_denial_of_the_control_plane_has_its_own_code(kubernetes, context, operations):
    """Whatever the action."""
    operations.script("read", "get_pods", cp.PermissionDeniedError("no"))

    result = await kubernetes.execute({"action": "get_pods", "namespace": "shop"}, context)

    assert result.error_code == "PERMISSION_DENIED"


class TestValidation:
    """validate_scaling."""

    @pytest.mark.parametrize("wanted", [-1, 1001, 2.5, True, "5"])
    async def test_out_of_bounds_is_refused_before_anything_is_read(self, validation, context, operations, wanted):
        """Whole numbers from 0 to 1000."""
        task = {"action": "validate_scaling", "deployment_name": "web", "namespace": "shop", "target_replicas": wanted}

        assert not (await validation.execute(task, context)).success
        assert operations.asked == []

    @pytest.mark.parametrize(
        ("status", "wanted", "warning"),
        [
            ({}, 12, "more than 3 times"),
            ({"state": "failed", "reason": "ProgressDeadlineExceeded"}, 5, "not healthy now"),
            ({"available": 1}, 5, "Only 1 of 3 pods"),
        ],
    )
    async def test_what_looks_like_a_slip_is_warned_of(self, validation, context, operations, status, wanted, warning):
        """Warnings do not stop the plan."""
        operations.script("read", "get_deployment_status", STATUS | status)
        task = {"action": "validate_scaling", "deployment_name": "web", "namespace": "shop", "target_replicas": wanted}

        result = await validation.execute(task, context)

        assert result.success
        assert warning in result.data["warnings"][0]

    async def test_an_ordinary_change_has_no_warnings(self, validation, context, operations):
        """3 to 5 on a healthy deployment."""
        operations.script("read", "get_deployment_status", STATUS)
        task = {"action": "validate_scaling", "deployment_name": "web", "namespace": "shop", "target_replicas": 5}

        assert (await validation.execute(task, context)).data["warnings"] == []


class TestMonitoring:
    """monitor_deployment_scaling."""

    TASK = {
        "action": "monitor_deployment_scaling",
        "deployment_name": "web",
        "namespace": "shop",
        "expected_replicas": 5,
        "timeout": 300,
    }
    FIVE = STATUS | {"desired": 5, "replicas": 5, "updated": 5, "available": 5, "resource_version": "12"}

    async def test_progress_is_reported_until_all_are_ready(self, monitoring, context, operations):
        """Each change once; the last status is the result."""
        told = []

        async def report(text):
            told.append(text)

        half = self.FIVE | {"available": 3, "state": "progressing", "resource_version": "11"}
        operations.script("read", "watch_deployment", half, half, self.FIVE)
        result = await monitoring.execute({**self.TASK, "report": report}, context)

        assert result.success
        assert told == ["3 of 5 ready", "5 of 5 ready"]
        assert [one.parameters["since"] for one in operations.calls("read")] == ["", "11", "11"]

    async def test_a_status_of_before_the_change_is_not_the_end(self, monitoring, context, operations):
        """observedGeneration behind generation: the controller has not looked yet."""
        old = self.FIVE | {"observed_generation": 1}
        operations.script("read", "watch_deployment", old, self.FIVE)

        assert (await monitoring.execute(self.TASK, context)).success
        assert len(operations.calls("read")) == 2

    async def test_a_failed_rollout_is_told_with_its_reason(self, monitoring, context, operations):
        """ProgressDeadlineExceeded ends the watch."""
        operations.script(
            "read", "watch_deployment", self.FIVE | {"state": "failed", "reason": "ProgressDeadlineExceeded"}
        )

        result = await monitoring.execute(self.TASK, context)

        assert (result.error_code, result.success) == ("ROLLOUT_FAILED", False)
        assert "ProgressDeadlineExceeded" in result.message

    async def test_somebody_elses_change_ends_the_watch(self, monitoring, context, operations):
        """The desired number is another one."""
        operations.script("read", "watch_deployment", self.FIVE | {"desired": 2})

        assert "Somebody else set web" in (await monitoring.execute(self.TASK, context)).message

    async def test_the_deadline_ends_the_watch(self, operations, recorder, context):
        """Time is the injected clock's."""
        from agents.monitoring import MonitoringAgent

        moments = iter([0.0, 0.0, 400.0, 400.0])
        agent = MonitoringAgent(operations, recorder=recorder, now=lambda: next(moments))
        operations.script("read", "watch_deployment", self.FIVE | {"available": 4, "state": "progressing"})

        result = await agent.execute(self.TASK, context)

        assert result.error_code == "MONITORING_TIMEOUT"
        assert "4 of 5 ready" in result.message

    async def test_a_fresh_token_is_used_for_each_look(self, monitoring, context, operations):
        """A token lives five minutes, a rollout may take longer."""
        fresh = replace(context, jwt_token="x.y.z")

        async def renew():
            return fresh

        half = self.FIVE | {"available": 3, "state": "progressing"}
        operations.script("read", "watch_deployment", half, self.FIVE)
        await monitoring.execute({**self.TASK, "renew": renew}, context)

        assert [one.caller.token for one in operations.calls("read")] == ["a.b.c", "x.y.z"]


class Runner:
    """A WorkflowRunner with one workflow and one answer."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = []

    def names(self):
        return ["scale_application"]

    async def start(self, request, _context):
        self.requests.append(request)
        return self.answer


class TestOrchestration:
    """Intents become runs."""

    async def test_an_unknown_intent_has_the_specified_code(self, recorder, context):
        """WORKFLOW_NOT_FOUND, recorded."""
        agent = OrchestrationAgent(Runner(None), recorder=recorder)

        result = await agent.execute({"intent": "fly", "trigger": "t"}, context)

        assert result.error_code == "WORKFLOW_NOT_FOUND"
        assert recorder.records[0][1] == "workflow:fly"

    async def test_a_started_run_is_named(self, recorder, context):
        """The result carries the run; the request its trigger."""
        runner = Runner(Started("run-1", waiting=True))
        agent = OrchestrationAgent(runner, recorder=recorder)

        result = await agent.execute({"intent": "scale_application", "trigger": "t1", "parameters": {"a": 1}}, context)

        assert result.data == {"run_id": "run-1", "waiting": True}
        assert runner.requests[0].trigger == "t1"

    async def test_a_refusal_keeps_code_and_next_step(self, recorder, context):
        """What the planner said reaches whoever asked."""
        agent = OrchestrationAgent(Runner(Refused("PERMISSION_DENIED", "no", "ask an admin")), recorder=recorder)

        result = await agent.execute({"intent": "scale_application", "trigger": "t"}, context)

        assert (result.error_code, result.message) == ("PERMISSION_DENIED", "no")
        assert result.metadata["next_step"] == "ask an admin"


def test_a_result_knows_whether_it_happened():
    """Success happened; failure did not unless it says that nobody knows."""
    assert TaskResult(True, {}, "").happened is True
    assert TaskResult(False, {}, "").happened is False
    assert TaskResult(False, {}, "", metadata={"happened": None}).happened is None
