"""The commands Hexa understands without a model: what each is called, needs and looks like.

One table for the grammar, the help and the suggestions, so that they cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Verb:
    """*permission* is what a caller must hold somewhere for the command to be offered in the help."""

    name: str
    usage: str
    summary: str
    permission: str = ""
    aliases: tuple[str, ...] = ()
    changes: bool = False


VERBS: tuple[Verb, ...] = (
    Verb("help", "help [command]", "what I can do for you", aliases=("?", "commands", "hi", "hello")),
    Verb(
        "status", "status <deployment> in <namespace>", "is it healthy, what is running", "deployments.get", ("health",)
    ),
    Verb(
        "deployments",
        "deployments in <namespace>",
        "all deployments with their replicas",
        "deployments.get",
        ("deployment", "deploys"),
    ),
    Verb("pods", "pods [<deployment>] in <namespace>", "pods with state and restarts", "pods.get", ("pod", "po")),
    Verb(
        "logs",
        "logs <pod or deployment> in <namespace> [--lines N] [--previous]",
        "the last log lines",
        "pods.logs",
        ("log",),
    ),
    Verb("events", "events [<object>] in <namespace>", "what the cluster reports", "events.get", ("event",)),
    Verb(
        "scale",
        "scale <deployment> to <replicas> in <namespace>",
        "change the number of replicas (needs approval)",
        "deployments.scale",
        ("resize",),
        changes=True,
    ),
    Verb("approvals", "approvals", "what waits for a decision", aliases=("approval", "waiting")),
    Verb("runs", "runs", "what was run lately, and how it ended", aliases=("run", "history")),
    Verb("whoami", "whoami", "who I take you for and what you may do"),
)

BY_WORD: Mapping[str, Verb] = {word: verb for verb in VERBS for word in (verb.name, *verb.aliases)}


@dataclass(frozen=True, slots=True)
class Intent:
    """What a message asks for, typed. *requires_action* is true when it would change something."""

    type: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    namespace: str = ""
    cluster: str = ""
    confidence: float = 1.0
    requires_action: bool = False


@dataclass(frozen=True, slots=True)
class Unclear:
    """Not a command as it stands: *question* says what is missing or wrong, *example* what would do."""

    question: str
    example: str = ""
    suggestions: tuple[str, ...] = ()
