"""Which operations wait for whom: the ``policies`` of hexa.yaml as pure data, and the two questions asked of it.

*ruling* says what approval an operation needs, *may_decide* whether somebody may give it; both are asked when a plan
is made and again at every click. The first rule that matches wins. What no rule matches gets the strict default, and
a namespace without an environment is production: forgetting to configure something never makes it easier to change.
Nothing here stores or counts decisions; that is workflows.approvals.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from security import digests
from security.permissions import DECIDE, allows_all, scoped

PROD = "prod"
PROD_NAMES = frozenset({"", "prod", "prd", "production", "live"})
DEFAULT_RULE = "strict default"

_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(value: object) -> timedelta:
    """``30m`` as a time span. A bare number is refused: nobody can see whether it means seconds or minutes."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0:
        raise ValueError("is not a duration; write a number and a unit: 90s, 30m, 12h or 7d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def environment_name(value: str) -> str:
    """The canonical name: ``Production`` and ``live`` are prod, so a spelling never escapes the four-eyes rule."""
    name = value.strip().lower()
    return PROD if name in PROD_NAMES else name


Duration = Annotated[timedelta, BeforeValidator(duration)]
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Section):
    """What a rule applies to; a key that is left out matches everything, ``*`` and ``?`` stand for characters."""

    operations: Names | None = None
    environments: Names | None = None
    namespaces: Names | None = None
    clusters: Names | None = None

    def covers(self, *, operation: str, environment: str, namespace: str, cluster: str) -> bool:
        wanted = None if self.environments is None else [environment_name(one) for one in self.environments]
        pairs: tuple[tuple[Sequence[str] | None, str], ...] = (
            (self.operations, operation),
            (wanted, environment),
            (self.namespaces, namespace),
            (self.clusters, cluster),
        )
        return all(patterns is None or _matches(patterns, value) for patterns, value in pairs)


class ApprovalPolicy(_Section):
    """What approval an operation needs. The values a rule leaves out are the strict ones."""

    votes: Annotated[int, Field(ge=0, le=1, strict=True)] = 1
    """1: somebody must approve. 0: policy asks for no approval, and the run records that."""

    self_approval: Annotated[bool, Field(strict=True)] = False
    """Whether the requester may approve, given that they hold the operation's own permission."""

    approvers: tuple[str, ...] | None = None
    """Ids of the only people who may decide, among those who hold approvals.decide; an empty list means nobody."""

    expires_after: Duration = timedelta(minutes=30)
    """How long a decision is waited for. Half an hour: time enough to find an approver, and the plan shown is still
    about the situation the requester saw."""

    execute_within: Duration = timedelta(minutes=15)
    """How soon after the approval the run must begin; later it lapses, because nobody expects it any more."""


class Rule(_Section):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    match: Match = Match()
    approval: ApprovalPolicy = ApprovalPolicy()


SHIPPED_RULES = (
    Rule(name="production needs four eyes", match=Match(environments=(PROD,))),
    Rule(name="elsewhere the requester may approve", approval=ApprovalPolicy(self_approval=True)),
)


class Policies(_Section):
    """The ``policies`` section: rules in order of precedence. Rules of one's own replace the shipped ones."""

    rules: tuple[Rule, ...] = SHIPPED_RULES


@dataclass(frozen=True, slots=True)
class Environments:
    """Which environment a namespace of a cluster belongs to; a namespace ``*`` stands for all others of a cluster."""

    by_cluster: Mapping[str, Mapping[str, str]]

    def of(self, cluster: str, namespace: str) -> str:
        known = self.by_cluster.get(cluster, {})
        return environment_name(known.get(namespace, known.get("*", PROD)))


@dataclass(frozen=True, slots=True)
class Ruling:
    """What policy says about one operation, and by which rule."""

    rule: str
    approval: ApprovalPolicy


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not decide, in words for them, and who may."""

    code: str  # own_request | not_a_named_approver | no_permission | no_operation_permission | not_needed
    reason: str
    who_may: str


class PolicySet:
    """The policies in force. *version* changes whenever anything does that could make a ruling another one."""

    def __init__(self, policies: Policies | None = None, environments: Environments | None = None) -> None:
        self._rules = (policies or Policies()).rules
        self._environments = environments or Environments({})
        self.version = digests.sha256(self._canonical())

    def environment(self, cluster: str, namespace: str) -> str:
        return self._environments.of(cluster, namespace)

    def ruling(self, operation: str, environment: str, namespace: str, cluster: str) -> Ruling:
        name = environment_name(environment)
        for rule in self._rules:
            if rule.match.covers(operation=operation, environment=name, namespace=namespace, cluster=cluster):
                return Ruling(rule.name, rule.approval)
        return Ruling(DEFAULT_RULE, ApprovalPolicy())

    def _canonical(self) -> dict[str, Any]:
        return {
            "v": 1,
            "rules": [rule.model_dump(mode="json") for rule in self._rules],
            "default": ApprovalPolicy().model_dump(mode="json"),
            "environments": {name: dict(known) for name, known in self._environments.by_cluster.items()},
        }


def strictest(rulings: Iterable[Ruling]) -> Ruling:
    """One ruling for a plan of several operations: the one that lets the fewest people approve, for the least time.

    A plan is approved as a whole, so the votes are the most, self-approval needs every ruling's consent, the approvers
    are those all rulings accept, and the spans are the shortest.
    """
    every = sorted(rulings, key=_strictness, reverse=True)
    if not every:
        return Ruling(DEFAULT_RULE, ApprovalPolicy())
    named = [set(one.approval.approvers) for one in every if one.approval.approvers is not None]
    approval = ApprovalPolicy(
        votes=max(one.approval.votes for one in every),
        self_approval=all(one.approval.self_approval for one in every if one.approval.votes),
        approvers=tuple(sorted(set.intersection(*named))) if named else None,
        expires_after=min(one.approval.expires_after for one in every),
        execute_within=min(one.approval.execute_within for one in every),
    )
    return Ruling(every[0].rule, approval)


def may_decide(
    ruling: Ruling,
    *,
    decider: str,
    requester: str,
    permissions: Sequence[str],
    namespace: str,
    operation_permissions: Sequence[str],
) -> Refusal | None:
    """None when *decider*, holding *permissions* now, may approve what *requester* asked for in *namespace*."""
    approval, who = ruling.approval, _who_may(ruling.approval, namespace)
    if approval.votes == 0:
        reason = f"The rule “{ruling.rule}” asks for no approval here any more, so this card has nothing to decide."
        return Refusal("not_needed", reason, "Ask for it again; it runs at once.")
    if approval.approvers is not None and decider not in approval.approvers:
        return Refusal("not_a_named_approver", f"The rule “{ruling.rule}” names who may approve, and not you.", who)
    if decider == requester:
        return _own_request(ruling, permissions, namespace, operation_permissions, who)
    if not _holds(permissions, [DECIDE], namespace):
        return Refusal("no_permission", f"You do not hold {DECIDE} in the namespace {namespace}.", who)
    return None


def _own_request(
    ruling: Ruling, held: Sequence[str], namespace: str, operation_permissions: Sequence[str], who: str
) -> Refusal | None:
    if not ruling.approval.self_approval:
        reason = f"You asked for this yourself, and the rule “{ruling.rule}” wants somebody else to approve."
        return Refusal("own_request", reason, who)
    if not operation_permissions or not _holds(held, operation_permissions, namespace):
        wanted = ", ".join(operation_permissions) or "the operation's permission"
        reason = f"You may approve your own request only while you hold {wanted} in the namespace {namespace}."
        return Refusal("no_operation_permission", reason, who)
    return None


def _holds(held: Sequence[str], needed: Iterable[str], namespace: str) -> bool:
    return allows_all(held, (scoped(one, namespace) for one in needed))


def _who_may(approval: ApprovalPolicy, namespace: str) -> str:
    if approval.approvers is not None and not approval.approvers:
        return "Nobody may approve this: the rule's list of approvers is empty."
    among = f", if they are one of {', '.join(approval.approvers)}" if approval.approvers else ""
    others = f"Whoever holds {DECIDE} in the namespace {namespace} may approve{among}"
    return f"{others}; so may the requester." if approval.self_approval else f"{others}; the requester may not."


def _matches(patterns: Iterable[str], value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def _strictness(ruling: Ruling) -> tuple[int, bool, bool, timedelta]:
    approval = ruling.approval
    return (approval.votes, not approval.self_approval, approval.approvers is not None, -approval.expires_after)
