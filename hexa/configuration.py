"""The models of hexa.yaml: who people are, what they may do, where the clusters are, what waits for whom.

Models are strict: an unknown key is a mistake, not an extension. What spans sections (a role that exists, a cluster
that is configured) is checked by hexa.references; hexa.loading reads the file and reports everything at once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from security.permissions import SHIPPED_ROLES
from security.policies import Environments, Policies, PolicySet
from security.subjects import Person, RoleBinding

DEFAULT_WORKSPACE = "default"

FORMS: dict[str, str] = {}
"""Pattern to words, for problems."""


def _form(pattern: str, words: str) -> Any:
    FORMS[pattern] = words
    return Field(pattern=pattern, max_length=254)


Id = Annotated[
    str, _form(r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$", "lower-case letters, digits, dots, dashes and underscores")
]
Namespace = Annotated[str, _form(r"^(\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$", "a Kubernetes namespace, or *")]
Environment = Annotated[str, _form(r"^[A-Za-z0-9-]{1,40}$", "a short name such as prod or staging")]
Email = Annotated[str, _form(r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "an e-mail address")]
Permission = Annotated[str, _form(r"^(\*|[a-z*]+\.[a-z*]+)$", "a permission such as deployments.scale, pods.* or *")]
SlackTeam = Annotated[str, _form(r"^[TE][A-Z0-9]{2,}$", "the id of a Slack workspace, such as T0123456789")]
SlackChannel = Annotated[str, _form(r"^[CDG][A-Z0-9]{2,}$", "the id of a Slack channel, such as C0123456789")]
Flag = Annotated[bool, Field(strict=True)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Workspace(Section):
    """A tenant. Without this section there is one workspace, ``default``, with every cluster."""

    id: Id
    name: str = ""
    clusters: Annotated[tuple[Id, ...], Field(min_length=1)] | None = None
    """Names of the clusters it may use; the first is meant when a request names none. Left out: all of them."""

    approvals_channel: SlackChannel | None = None
    """Id of the Slack channel for cards whose approvers cannot read the requester's thread."""


class Cluster(Section):
    """A Kubernetes cluster: a kubeconfig or the pod's own service account."""

    name: Id
    kubeconfig: str = ""
    """Path, relative to hexa.yaml; ``{data_dir}`` is HEXA_DATA_DIR. Left out: the file named by KUBECONFIG."""

    context: str = ""
    """Context of the kubeconfig; left out: its current one."""

    in_cluster: Flag = False
    environments: Mapping[Namespace, Environment] = {}
    """Namespace to environment, ``*`` for all others. What is not named here is prod."""


class Role(Section):
    """A role somebody holds."""

    role: str
    workspace: str = ""
    """Left out: the only workspace. ``*`` is all of them."""

    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1)] = ("*",)


class User(Section):
    id: Id
    email: Email
    name: str = ""
    roles: tuple[Role, ...] = ()


class Slack(Section):
    """Which workspace a request from Slack belongs to: the channel's, else the team's, else the first."""

    teams: Mapping[SlackTeam, str] = {}
    channels: Mapping[SlackChannel, str] = {}


class File(Section):
    """hexa.yaml as written."""

    workspaces: Annotated[tuple[Workspace, ...], Field(min_length=1)] = (Workspace(id=DEFAULT_WORKSPACE),)
    clusters: Annotated[tuple[Cluster, ...], Field(min_length=1)]
    users: tuple[User, ...] = ()
    roles: Mapping[Id, tuple[Permission, ...]] = {}
    """Custom roles: name to permissions such as ``deployments.scale``, ``pods.*`` or ``*``."""

    policies: Policies = Policies()
    llm: None = None
    """Reserved for providers, routing and budgets."""

    slack: Slack = Slack()
    retention: None = None
    """Reserved for how long inbox, sessions and usage are kept."""


class Configuration:
    """What the rest of Hexa is told of hexa.yaml, with every default filled in."""

    def __init__(self, file: File, *, source: Path, data_dir: Path, kubeconfig: Path | None = None) -> None:
        self.file, self.source = file, source
        self._data_dir, self._kubeconfig = data_dir, kubeconfig

    @property
    def workspaces(self) -> tuple[Workspace, ...]:
        return self.file.workspaces

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        return self.file.clusters

    @property
    def slack(self) -> Slack:
        return self.file.slack

    @property
    def default_workspace(self) -> str:
        return self.file.workspaces[0].id

    def clusters_of(self, workspace_id: str) -> tuple[str, ...]:
        """Names of a workspace's clusters, the default one first; nothing for an unknown workspace."""
        found = next((one for one in self.file.workspaces if one.id == workspace_id), None)
        if found is None:
            return ()
        return found.clusters or tuple(cluster.name for cluster in self.file.clusters)

    def kubeconfig_of(self, cluster: Cluster) -> Path | None:
        """The file with a cluster's credentials; None means the service account of the pod."""
        if cluster.in_cluster:
            return None
        if not cluster.kubeconfig:
            return self._kubeconfig
        path = Path(cluster.kubeconfig.replace("{data_dir}", str(self._data_dir.absolute()))).expanduser()
        return path if path.is_absolute() else self.source.absolute().parent / path

    def people(self) -> tuple[Person, ...]:
        return tuple(Person(user.id, user.email.lower(), user.name) for user in self.file.users)

    def bindings(self) -> tuple[RoleBinding, ...]:
        return tuple(
            RoleBinding(user.id, held.workspace or self.default_workspace, held.role, held.namespaces)
            for user in self.file.users
            for held in user.roles
        )

    def roles(self) -> dict[str, tuple[str, ...]]:
        """Every role by name with its permissions, the shipped ones included."""
        return {**SHIPPED_ROLES, **self.file.roles}

    def environments(self) -> Environments:
        return Environments({one.name: dict(one.environments) for one in self.file.clusters})

    def policy_set(self) -> PolicySet:
        return PolicySet(self.file.policies, self.environments())
