"""What an API server's answer means: a table from its status to the errors of the contract.

The message of a Kubernetes Status is shown to people, cut to a sentence or two; anything else a proxy or load
balancer may have sent is not.
"""

import json
from http import HTTPStatus
from typing import Any

from controlplane.contract import errors
from controlplane.server.clusters import port

_REFUSALS: dict[int, type[errors.ControlPlaneError]] = {
    400: errors.InvalidRequestError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    405: errors.InvalidRequestError,
    409: errors.ConflictError,
    410: port.ExpiredError,
    413: errors.InvalidRequestError,
    415: errors.InvalidRequestError,
    422: errors.InvalidRequestError,
}
_LONGEST = 300


def error_of(status: int, body: bytes, *, cluster: str, retry_after: str = "") -> errors.ControlPlaneError:
    plain = plain_status(body)
    message = str(plain.get("message", ""))[:_LONGEST]
    details = {"cluster": cluster, "cluster_reason": str(plain.get("reason", ""))}
    if status == HTTPStatus.UNAUTHORIZED:
        return refused_credential(cluster)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return errors.RateLimitError(
            f"Cluster {cluster} asks to slow down.", retry_after=seconds(retry_after), details=details
        )
    kind = _REFUSALS.get(status)
    if kind is errors.PermissionDeniedError:
        return kind(f"Cluster {cluster} does not let Hexa do this: {message or 'forbidden'}.", details=details)
    if kind is not None:
        return kind(message or None, details=details)
    return errors.ClusterUnavailableError(
        f"Cluster {cluster} answered with status {status}{': ' + message if message else ''}.", details=details
    )


def plain_status(body: bytes) -> dict[str, Any]:
    """A Kubernetes Status, or nothing when the body is something else."""
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) and status.get("kind") == "Status" else {}


def refused_credential(cluster: str) -> errors.ClusterUnavailableError:
    error = errors.ClusterUnavailableError(
        f"Cluster {cluster} does not accept Hexa's credential. Check its kubeconfig or service account.",
        details={"cluster": cluster},
    )
    error.happened = False
    return error


def unreachable(cluster: str, *, sent: bool) -> errors.ClusterUnavailableError:
    """*sent*: the request may have reached the cluster before the connection broke."""
    message = "broke off the connection before it answered" if sent else "cannot be reached"
    error = errors.ClusterUnavailableError(f"Cluster {cluster} {message}.", details={"cluster": cluster})
    error.happened = None if sent else False
    return error


def too_slow(cluster: str, *, sent: bool) -> errors.OperationTimeoutError:
    error = errors.OperationTimeoutError(f"Cluster {cluster} did not answer in time.", details={"cluster": cluster})
    error.happened = None if sent else False
    return error


def seconds(retry_after: str) -> float:
    try:
        return min(60.0, max(0.0, float(retry_after)))
    except ValueError:
        return 1.0
