"""The operation catalogue: one entry per operation, from which routes, client, permissions and help are derived.

``idempotence`` decides what happens to a mutation that was cut off: *idempotent* ones may be sent again with the
same key because uid and generation are checked, *checkable* ones are looked at first, *once* asks a human.
"""

import difflib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from controlplane.contract import errors, models

RESOURCES = "/internal/v1/resources"
OPERATIONS = "/internal/v1/operations"
API_VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    summary: str
    parameters: type[models.NamespacedParameters]
    permission: str
    path: str
    mutating: bool = False
    risk: Literal["none", "low", "medium", "high"] = "none"
    idempotence: Literal["read", "idempotent", "checkable", "once"] = "read"

    @property
    def method(self) -> str:
        return "POST" if self.mutating else "GET"

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that are part of the path, not of the query."""
        return tuple(name for _, name, _, _ in string.Formatter().parse(self.path) if name)


_ALL = (
    Operation("get_pods", "List pods", models.GetPods, "pods.get", f"{RESOURCES}/pods"),
    Operation("get_logs", "Read container logs", models.GetLogs, "pods.logs", f"{RESOURCES}/pods/{{pod_name}}/logs"),
    Operation("get_events", "List events", models.GetEvents, "events.get", f"{RESOURCES}/events"),
    Operation(
        "list_deployments", "List deployments", models.ListDeployments, "deployments.get", f"{RESOURCES}/deployments"
    ),
    Operation(
        "get_deployment_status",
        "Status of a deployment",
        models.GetDeploymentStatus,
        "deployments.get",
        f"{RESOURCES}/deployments/{{deployment_name}}/status",
    ),
    Operation(
        "watch_deployment",
        "Wait for a deployment to change",
        models.WatchDeployment,
        "deployments.get",
        f"{RESOURCES}/deployments/{{deployment_name}}/rollout",
    ),
    Operation(
        "scale_deployment",
        "Change the number of replicas of a deployment",
        models.ScaleDeployment,
        "deployments.scale",
        f"{OPERATIONS}/scale_deployment",
        mutating=True,
        risk="medium",
        idempotence="idempotent",
    ),
)

CATALOGUE: Mapping[str, Operation] = {operation.name: operation for operation in _ALL}


def find(name: str) -> Operation:
    """The operation of this name; raises InvalidRequestError naming the closest ones."""
    operation = CATALOGUE.get(name)
    if operation is not None:
        return operation
    close = difflib.get_close_matches(name, CATALOGUE, n=3)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise errors.InvalidRequestError(
        f"There is no operation {name!r}.{hint}", details={"reason": "unknown_operation", "did_you_mean": close}
    )
