"""Who acts: people as configured, the subject of one request, and the context agents pass along.

A person is known by the id of ``hexa.yaml`` (``alice``), never by a Slack id; Slack users are mapped to a
person by e-mail at the edge. Permissions in a context are a snapshot for explanations: the control plane
evaluates the current role bindings again at the moment of execution.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody named in the configuration."""

    id: str
    email: str
    display_name: str = ""

    @property
    def name(self) -> str:
        return self.display_name or self.id


@dataclass(frozen=True, slots=True)
class RoleBinding:
    """A role held by a person in a workspace, limited to namespaces (``*`` is all of them)."""

    person_id: str
    workspace_id: str
    role: str
    namespaces: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class SecurityContext:
    """What every agent call carries; the token is a short-lived control-plane JWT and never printed."""

    user_id: str
    workspace_id: str
    jwt_token: str = field(repr=False)
    permissions: Sequence[str]
    session_id: str
    request_id: str
