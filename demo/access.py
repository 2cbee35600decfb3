"""Who is calling and what they may do, by one simple rule.

The bearer of the admin token is `demo-admin` and may do everything, impersonation included. Whoever it impersonates
may read everything but Secrets, and change things in namespaces other than kube-system; anonymous users nothing.
"""

import hmac
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from demo import errors
from demo.objects import Obj, dig
from demo.resources import Resource

ADMIN = "demo-admin"
MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Subject:
    user: str
    groups: frozenset[str]


ANYBODY = Subject("system:anonymous", frozenset())


@dataclass(frozen=True, slots=True)
class Question:
    verb: str
    resource: str
    group: str = ""
    namespace: str = ""
    subresource: str = ""
    name: str = ""


def authenticate(request: web.Request, token: str) -> Subject:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise errors.unauthorized()
    user = request.headers.get("Impersonate-User")
    if user is None:
        return Subject(ADMIN, frozenset({MASTERS, "system:authenticated"}))
    return Subject(user, frozenset({*request.headers.getall("Impersonate-Group", []), "system:authenticated"}))


def allows(subject: Subject, question: Question) -> bool:
    if MASTERS in subject.groups or subject.user == ADMIN:
        return True
    if subject.user in ("", "system:anonymous"):
        return False
    if question.resource == "secrets":
        return False
    if question.verb in ("get", "list", "watch"):
        return True
    return question.namespace not in ("", "kube-system")


def require(subject: Subject, question: Question, resource: Resource) -> None:
    if allows(subject, question):
        return
    where = f' in the namespace "{question.namespace}"' if question.namespace else " at the cluster scope"
    thing = resource.plural + (f"/{question.subresource}" if question.subresource else "")
    message = (
        f"{resource.qualified}{f' {chr(34)}{question.name}{chr(34)}' if question.name else ''} is forbidden: "
        f'User "{subject.user}" cannot {question.verb} resource "{thing}" in API group "{resource.group}"{where}'
    )
    details = {"name": question.name, "group": resource.group, "kind": resource.plural}
    raise errors.ApiError(HTTPStatus.FORBIDDEN, "Forbidden", message, {k: v for k, v in details.items() if v})


def review(body: Obj, asking: Subject, *, self_review: bool) -> Obj:
    """Answer a SubjectAccessReview or, for the caller itself, a SelfSubjectAccessReview."""
    spec: Obj = body.get("spec") or {}
    subject = asking
    if not self_review:
        subject = Subject(spec.get("user", ""), frozenset(spec.get("groups") or []))
    asked: Obj = dig(spec, "resourceAttributes", default={})
    path: Obj = dig(spec, "nonResourceAttributes", default={})
    question = Question(
        verb=str(asked.get("verb") or path.get("verb") or ""),
        resource=asked.get("resource", ""),
        group=asked.get("group", ""),
        namespace=asked.get("namespace", ""),
        subresource=asked.get("subresource", ""),
        name=asked.get("name", ""),
    )
    allowed = allows(subject, question)
    status = {"allowed": allowed, "reason": "the demo cluster's rule" if allowed else "not covered by the demo's rule"}
    kind = "SelfSubjectAccessReview" if self_review else "SubjectAccessReview"
    return {"kind": kind, "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": spec, "status": status}
