"""ValidationAgent: is this change possible and sensible? Reads only; warnings do not stop a plan, errors do."""

from collections.abc import Mapping

from agents.agent import Action, ActivityRecorder, BaseAgent, Task, TaskResult, require
from agents.kubernetes import caller, parameters_of
from controlplane.contract.models import MAX_REPLICAS
from controlplane.contract.operations import Operations
from security.subjects import SecurityContext

LARGE_FACTOR = 3


class ValidationAgent(BaseAgent):
    default_failure_code = "VALIDATION_FAILED"

    def __init__(self, operations: Operations, *, recorder: ActivityRecorder) -> None:
        super().__init__("ValidationAgent", ("validation",), recorder=recorder)
        self._operations = operations

    def actions(self) -> Mapping[str, Action]:
        return {"validate_scaling": self._validate_scaling}

    async def _validate_scaling(self, task: Task, context: SecurityContext) -> TaskResult:
        """The deployment exists, the number is within bounds; warns of what looks like a slip of the finger."""
        name, namespace, wanted = require(task, "deployment_name", "namespace", "target_replicas")
        if isinstance(wanted, bool) or not isinstance(wanted, int) or not 0 <= wanted <= MAX_REPLICAS:
            message = f"Replicas must be a whole number from 0 to {MAX_REPLICAS}, not {wanted}."
            return TaskResult(False, {}, message, "INVALID_PARAMETERS", {"happened": False})
        status = await self._operations.read(
            "get_deployment_status", parameters_of("get_deployment_status", task, context), caller(context)
        )
        current = int(status["desired"])
        data = {"current_replicas": current, "target_replicas": wanted, "warnings": _warnings(status, wanted)}
        return TaskResult(True, data, f"{name} in {namespace} can be scaled from {current} to {wanted}")


def _warnings(status: Mapping[str, object], wanted: int) -> list[str]:
    name, current = status["name"], int(str(status["desired"]))
    warnings = []
    if current and wanted > current * LARGE_FACTOR:
        warnings.append(f"This is more than {LARGE_FACTOR} times the {current} replicas of now.")
    if wanted > current and status.get("state") == "failed":
        warnings.append(
            f"{name} is not healthy now ({status.get('reason') or 'rollout failed'}); new pods may fail too."
        )
    elif wanted > current and int(str(status["available"])) < current:
        warnings.append(
            f"Only {status['available']} of {current} pods of {name} are available now; new pods may fail too."
        )
    return warnings
