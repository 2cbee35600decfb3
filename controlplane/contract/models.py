"""Wire models: parameters of each operation and what comes back.

Parameter names are those of the specification (``workspace_id namespace deployment_name replicas label_selector
container lines``). Every model refuses unknown fields. Names are checked against the rules of Kubernetes before
anything is sent, so a name can never become a path or a selector.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_REPLICAS = 1000
MAX_LOG_LINES = 5000

DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", max_length=63)]
DnsName = Annotated[
    str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253)
]
LabelSelector = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./=!, ()-]*$", max_length=1000)]


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameters(Wire):
    """What every operation has: the workspace it is asked in and, when there are several, the cluster."""

    workspace_id: Annotated[str, Field(min_length=1, max_length=100)]
    cluster: Annotated[str, Field(max_length=100)] = ""


class NamespacedParameters(Parameters):
    namespace: DnsLabel


class DeploymentParameters(NamespacedParameters):
    deployment_name: DnsName


class ScaleDeployment(DeploymentParameters):
    replicas: Annotated[int, Field(ge=0, le=MAX_REPLICAS, strict=True)]


class GetDeploymentStatus(DeploymentParameters):
    pass


class WatchDeployment(DeploymentParameters):
    """Long poll: answers when the status differs from *since* (a resource version), or after *wait* seconds."""

    since: Annotated[str, Field(max_length=40)] = ""
    wait: Annotated[float, Field(ge=0, le=25)] = 20


class ListDeployments(NamespacedParameters):
    label_selector: LabelSelector = ""


class GetPods(NamespacedParameters):
    label_selector: LabelSelector = ""


class GetLogs(NamespacedParameters):
    pod_name: DnsName
    container: Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")] = ""
    lines: Annotated[int, Field(ge=1, le=MAX_LOG_LINES)] = 100
    previous: bool = False


class GetEvents(NamespacedParameters):
    """*field_selector* as in the specification; *object_name* is the same for one object."""

    field_selector: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.=!,/-]*$", max_length=500)] = ""
    object_name: Annotated[str, Field(pattern=r"^[-a-z0-9.]*$", max_length=253)] = ""


class Target(Wire):
    """The object an operation changes, as it was when it was looked at."""

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str

    def identity(self) -> dict[str, Any]:
        """What a digest covers: resourceVersion is left out, status changes move it."""
        return self.model_dump(exclude={"resource_version"})


class Change(Wire):
    """One line of the server-side dry-run diff: a path such as ``spec.replicas`` and both values."""

    path: str
    before: Any = None
    after: Any = None


class Preview(Wire):
    """The answer to a dry run: what would change on which object, and what speaks against it."""

    operation: str
    cluster: str
    parameters: dict[str, Any]
    target: Target
    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()


class Outcome(Wire):
    """The answer to a mutation. *already* tells that an earlier attempt with the same key had done it."""

    operation: str
    target: Target
    changes: tuple[Change, ...]
    already: bool = False


class RolloutStatus(Wire):
    """A Deployment as the rollout rules of Kubernetes see it."""

    name: str
    namespace: str
    uid: str
    generation: int
    observed_generation: int
    resource_version: str
    desired: int
    replicas: int
    updated: int
    ready: int
    available: int
    unavailable: int
    state: Literal["progressing", "complete", "failed"]
    reason: str = ""
    images: tuple[str, ...] = ()
    created: str = ""


class Token(Wire):
    access_token: Annotated[str, Field(repr=False)]
    expires_in: int
    permissions: tuple[str, ...] = ()
