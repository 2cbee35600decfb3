"""The kinds this server knows, as one table; a new kind is one more row (and, if it shall move, a controller).

A resource is addressed by its qualified plural, for instance `deployments.apps` or, in the core group, `pods`.
"""

from dataclasses import dataclass

READ_VERBS = ("get", "list", "watch")
ALL_VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    group: str
    version: str = "v1"
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    counts_generations: bool = False
    stored_as: str = ""
    """The qualified plural whose objects this resource shows in another shape; empty: its own."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def qualified(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def key(self) -> str:
        return self.stored_as or self.qualified


NAMESPACES = Resource(
    group="", kind="Namespace", plural="namespaces", namespaced=False, short_names=("ns",), subresources=("status",)
)
NODES = Resource(group="", kind="Node", plural="nodes", namespaced=False, short_names=("no",), subresources=("status",))
PODS = Resource(
    group="", kind="Pod", plural="pods", short_names=("po",), categories=("all",), subresources=("log", "status")
)
EVENTS = Resource(group="", kind="Event", plural="events", short_names=("ev",))
SERVICES = Resource(
    group="", kind="Service", plural="services", short_names=("svc",), categories=("all",), subresources=("status",)
)
ENDPOINTS = Resource(group="", kind="Endpoints", plural="endpoints", short_names=("ep",))
CONFIGMAPS = Resource(group="", kind="ConfigMap", plural="configmaps", short_names=("cm",))
SECRETS = Resource(group="", kind="Secret", plural="secrets")
DEPLOYMENTS = Resource(
    group="apps",
    kind="Deployment",
    plural="deployments",
    short_names=("deploy",),
    categories=("all",),
    subresources=("scale", "status"),
    counts_generations=True,
)
REPLICASETS = Resource(
    group="apps",
    kind="ReplicaSet",
    plural="replicasets",
    short_names=("rs",),
    categories=("all",),
    subresources=("scale", "status"),
    counts_generations=True,
)
AUTOSCALERS = Resource(
    group="autoscaling",
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    short_names=("hpa",),
    categories=("all",),
    subresources=("status",),
)
NEW_EVENTS = Resource(
    group="events.k8s.io",
    kind="Event",
    plural="events",
    short_names=("ev",),
    verbs=READ_VERBS,
    stored_as=EVENTS.qualified,
)
ENDPOINT_SLICES = Resource(
    group="discovery.k8s.io",
    kind="EndpointSlice",
    plural="endpointslices",
    verbs=READ_VERBS,
    stored_as=ENDPOINTS.qualified,
)

RESOURCES = (
    NAMESPACES,
    NODES,
    PODS,
    EVENTS,
    SERVICES,
    ENDPOINTS,
    CONFIGMAPS,
    SECRETS,
    DEPLOYMENTS,
    REPLICASETS,
    AUTOSCALERS,
    NEW_EVENTS,
    ENDPOINT_SLICES,
)
_BY_ADDRESS = {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}


def find(group: str, version: str, plural: str) -> Resource | None:
    return _BY_ADDRESS.get((group, version, plural))
