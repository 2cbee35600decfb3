"""KubernetesAgent: the specification's Kubernetes operations, each one call of the control plane.

It knows no cluster and holds no credential; who may do what is decided by the control plane, the check here only
saves a useless call and gives the specification's error code.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from agents.agent import Action, ActivityRecorder, BaseAgent, Task, TaskResult, require
from controlplane.contract.catalogue import CATALOGUE
from controlplane.contract.operations import Caller, Operations
from security.permissions import scoped
from security.subjects import SecurityContext


class KubernetesAgent(BaseAgent):
    """Handles Kubernetes resource operations."""

    failure_codes: ClassVar[Mapping[str, str]] = {
        "scale_deployment": "SCALE_OPERATION_FAILED",
        "get_pods": "GET_PODS_FAILED",
        "get_logs": "GET_LOGS_FAILED",
    }
    default_failure_code = "K8S_OPERATION_ERROR"

    def __init__(self, operations: Operations, *, recorder: ActivityRecorder) -> None:
        super().__init__("KubernetesAgent", ("kubectl", "resources", "scaling", "monitoring"), recorder=recorder)
        self._operations = operations

    def actions(self) -> Mapping[str, Action]:
        return {
            "scale_deployment": self._scale_deployment,
            "get_pods": self._get_pods,
            "get_deployment_status": self._get_deployment_status,
            "list_deployments": self._list_deployments,
            "get_logs": self._get_logs,
            "get_events": self._get_events,
        }

    async def _scale_deployment(self, task: Task, context: SecurityContext) -> TaskResult:
        name, namespace, replicas, key = require(task, "deployment_name", "namespace", "replicas", "idempotency_key")
        refused = self._refusal("scale_deployment", namespace, context)
        if refused:
            return refused
        parameters = parameters_of("scale_deployment", task, context)
        outcome = await self._operations.execute("scale_deployment", parameters, caller(context), idempotency_key=key)
        replicas_before = next((change.before for change in outcome.changes if change.path == "spec.replicas"), None)
        data = {**outcome.model_dump(mode="json"), "replicas_before": replicas_before}
        return TaskResult(True, data, f"Scaled {name} to {replicas} replicas in namespace {namespace}")

    async def _get_pods(self, task: Task, context: SecurityContext) -> TaskResult:
        data = await self._read("get_pods", task, context)
        return TaskResult(True, data, f"Retrieved {len(data['items'])} pods from namespace {task['namespace']}")

    async def _list_deployments(self, task: Task, context: SecurityContext) -> TaskResult:
        data = await self._read("list_deployments", task, context)
        return TaskResult(True, data, f"Retrieved {len(data['items'])} deployments from namespace {task['namespace']}")

    async def _get_deployment_status(self, task: Task, context: SecurityContext) -> TaskResult:
        data = await self._read("get_deployment_status", task, context, "deployment_name")
        return TaskResult(True, data, f"Retrieved the status of deployment {task['deployment_name']}")

    async def _get_logs(self, task: Task, context: SecurityContext) -> TaskResult:
        data = await self._read("get_logs", task, context, "pod_name")
        return TaskResult(True, data, f"Retrieved logs for pod {task['pod_name']}")

    async def _get_events(self, task: Task, context: SecurityContext) -> TaskResult:
        data = await self._read("get_events", task, context)
        return TaskResult(True, data, f"Retrieved {len(data['items'])} events from namespace {task['namespace']}")

    async def _read(self, operation: str, task: Task, context: SecurityContext, *needed: str) -> dict[str, Any]:
        require(task, "namespace", *needed)
        return await self._operations.read(operation, parameters_of(operation, task, context), caller(context))

    def _refusal(self, operation: str, namespace: str, context: SecurityContext) -> TaskResult | None:
        needed = scoped(CATALOGUE[operation].permission, namespace)
        if self.validate_permissions([needed], context):
            return None
        message = f"You need {needed} to do this."
        return TaskResult(False, {}, message, "PERMISSION_DENIED", {"happened": False, "needed": needed})


def caller(context: SecurityContext) -> Caller:
    return Caller(token=context.jwt_token, request_id=context.request_id)


def parameters_of(operation: str, task: Task, context: SecurityContext) -> dict[str, Any]:
    """The wire parameters of an operation taken from a task, which may hold more."""
    fields = CATALOGUE[operation].parameters.model_fields
    given = {name: task[name] for name in fields if task.get(name) is not None}
    return {**given, "workspace_id": context.workspace_id}
