"""What a call to the control plane can end with.

ControlPlaneError
├── AuthenticationError       401
├── PermissionDeniedError     403 (by Hexa's roles, by the cluster, or no approval found)
├── NotFoundError             404
├── ConflictError             409
│   ├── DriftError            409, the object is no longer what was approved
│   └── InDoubtError          409, an earlier attempt may have happened
├── InvalidRequestError       422
├── RateLimitError            429, with retry_after in seconds
├── OperationTimeoutError     504, or no answer within the deadline
├── NetworkError              the control plane cannot be reached
└── ClusterUnavailableError   502 or 503, the cluster behind it cannot be reached

``happened`` says what is known of a mutation: False when it surely did not happen, None when it may have.
The mapping from and to HTTP statuses is a table in the client and in the server.
"""

from typing import Any


class ControlPlaneError(Exception):
    """The control plane could not do this."""

    happened: bool | None = False

    def __init__(self, message: str | None = None, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message or self.__doc__)
        self.details = details or {}


class AuthenticationError(ControlPlaneError):
    """The access token was not accepted. Ask again; if it persists, check the clocks and HEXA_CONTROLPLANE_KEY."""


class PermissionDeniedError(ControlPlaneError):
    """You may not do this."""


class NotFoundError(ControlPlaneError):
    """There is no such object."""


class ConflictError(ControlPlaneError):
    """The object was changed by somebody else at the same time. Ask again."""


class DriftError(ConflictError):
    """The object is no longer what was approved, so nothing was changed. Ask again for a new plan."""


class InDoubtError(ConflictError):
    """An earlier attempt may have happened. Look at the object, then decide."""

    happened: bool | None = None


class InvalidRequestError(ControlPlaneError):
    """The request is not valid."""


class RateLimitError(ControlPlaneError):
    """Too many requests. Wait a moment and ask again."""

    def __init__(
        self, message: str | None = None, *, retry_after: float = 1.0, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, details=details)
        self.retry_after = retry_after


class OperationTimeoutError(ControlPlaneError):
    """There was no answer in time."""

    happened: bool | None = None


class NetworkError(ControlPlaneError):
    """The control plane cannot be reached. Check HEXA_CONTROLPLANE_URL and that it is running."""

    happened: bool | None = None


class ClusterUnavailableError(ControlPlaneError):
    """The cluster cannot be reached."""

    happened: bool | None = None
