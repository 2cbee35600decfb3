"""How errors travel: one table of statuses and codes, read by the server in one direction and the client in the other.

A problem document (RFC 9457) carries ``type title status detail``, the ``code`` of the table, ``happened`` and the
details of the error. An answer that is no problem document (a proxy's page) is judged by its status alone, and
what its body says is not shown to anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.contract import errors

MEDIA_TYPE = "application/problem+json"
_OWN = {"type", "title", "status", "detail", "code", "happened", "retry_after"}
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Row:
    error: type[errors.ControlPlaneError]
    status: int
    code: str
    title: str


TABLE = (
    Row(errors.AuthenticationError, 401, "authentication_failed", "Not authenticated"),
    Row(errors.PermissionDeniedError, 403, "permission_denied", "Not allowed"),
    Row(errors.NotFoundError, 404, "not_found", "Not found"),
    Row(errors.ConflictError, 409, "conflict", "Changed at the same time"),
    Row(errors.DriftError, 409, "drift", "Not what was approved"),
    Row(errors.InDoubtError, 409, "in_doubt", "In doubt"),
    Row(errors.InvalidRequestError, 422, "invalid_request", "Not valid"),
    Row(errors.RateLimitError, 429, "rate_limited", "Too many requests"),
    Row(errors.ClusterUnavailableError, 503, "cluster_unavailable", "Cluster not reachable"),
    Row(errors.OperationTimeoutError, 504, "timeout", "No answer in time"),
    Row(errors.ControlPlaneError, 500, "internal", "Failed"),
)
_BY_ERROR = {row.error: row for row in TABLE}
_BY_CODE = {row.code: row for row in TABLE}
_BY_STATUS: Mapping[int, type[errors.ControlPlaneError]] = {
    400: errors.InvalidRequestError,
    **{row.status: row.error for row in reversed(TABLE)},
    408: errors.OperationTimeoutError,
    413: errors.InvalidRequestError,
    415: errors.InvalidRequestError,
    502: errors.ClusterUnavailableError,
}


def row_of(error: errors.ControlPlaneError) -> Row:
    return next(_BY_ERROR[kind] for kind in type(error).__mro__ if kind in _BY_ERROR)


def document(error: errors.ControlPlaneError) -> dict[str, Any]:
    row = row_of(error)
    plain: dict[str, Any] = {
        **{key: value for key, value in error.details.items() if key not in _OWN},
        "type": f"urn:hexa:problem:{row.code}",
        "title": row.title,
        "status": row.status,
        "detail": str(error),
        "code": row.code,
        "happened": error.happened,
    }
    if isinstance(error, errors.RateLimitError):
        plain["retry_after"] = error.retry_after
    return plain


def error_of(status: int, plain: Any, *, retry_after: str = "") -> errors.ControlPlaneError:
    """The error an answer stands for; *plain* is its decoded JSON, or anything else when it had none."""
    if not isinstance(plain, dict) or not isinstance(plain.get("detail"), str):
        return _foreign(status, retry_after=retry_after)
    row = _BY_CODE.get(str(plain.get("code", "")))
    kind = row.error if row else _BY_STATUS.get(status, errors.ControlPlaneError)
    details = {key: value for key, value in plain.items() if key not in _OWN}
    error = _made(kind, plain["detail"][:_LONGEST], details, plain.get("retry_after") or retry_after)
    if "happened" in plain and plain["happened"] in (False, None):
        error.happened = plain["happened"]
    elif not row:
        error.happened = _known_of(status)
    return error


def _foreign(status: int, *, retry_after: str) -> errors.ControlPlaneError:
    kind = _BY_STATUS.get(status, errors.ControlPlaneError)
    message = f"The control plane answered with status {status} and no explanation; is something in between?"
    error = _made(kind, message, {"status": status}, retry_after)
    error.happened = _known_of(status)
    return error


def _made(
    kind: type[errors.ControlPlaneError], message: str, details: dict[str, Any], retry_after: Any
) -> errors.ControlPlaneError:
    if issubclass(kind, errors.RateLimitError):
        return kind(message, retry_after=_seconds(retry_after), details=details)
    return kind(message, details=details)


def _known_of(status: int) -> bool | None:
    """What an unexplained status says of a mutation: a refusal did not do it, anything else may have."""
    return False if 400 <= status < 500 and status not in (408, 409) else None  # noqa: PLR2004


def _seconds(value: Any) -> float:
    try:
        return min(300.0, max(0.0, float(value)))
    except (TypeError, ValueError):
        return 1.0
