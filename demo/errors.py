"""What can go wrong: refusals told to a client as Kubernetes Status objects, and failures to start.

DemoError
├── PortTakenError      the remembered port is in use
└── FolderInUseError    another process has the state open
ApiError           one Status answer, made by the functions below
"""

from http import HTTPStatus

from demo.objects import Obj
from demo.resources import Resource


class DemoError(Exception):
    """The demo cluster could not start; read the message for the cause and delete its folder to begin anew."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class PortTakenError(DemoError):
    """The port the demo cluster remembers is taken; stop the program that uses it, then start again."""


class FolderInUseError(DemoError):
    """Another process has the demo cluster's folder open; stop it, or choose another folder."""


class ApiError(Exception):
    """A refusal with a Status body; the HTTP edge turns it into the answer."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.code = int(code)
        self.reason = reason
        self.details = details

    def status(self) -> Obj:
        body: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": str(self)}
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        return {**body, "code": self.code}


def _details(resource: Resource, name: str) -> Obj:
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value}


def not_found(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" not found'
    return ApiError(HTTPStatus.NOT_FOUND, "NotFound", message, _details(resource, name))


def unknown_path() -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "NotFound", "the server could not find the requested resource")


def already_exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(HTTPStatus.CONFLICT, "AlreadyExists", message, _details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(HTTPStatus.CONFLICT, "Conflict", message, _details(resource, name))


def stale(resource: Resource, name: str) -> ApiError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, name, why)


def invalid(resource: Resource, name: str, causes: list[tuple[str, str]]) -> ApiError:
    """422 with one cause per (field, problem)."""
    problems = [f"{field}: {problem}" for field, problem in causes]
    listed = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details: Obj = {
        **_details(resource, name),
        "kind": resource.kind,
        "causes": [{"reason": "FieldValueInvalid", "message": problem, "field": field} for field, problem in causes],
    }
    code = HTTPStatus.UNPROCESSABLE_ENTITY
    return ApiError(code, "Invalid", f'{kind} "{name}" is invalid: {listed}', details)


def bad_request(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def expired(version: int) -> ApiError:
    message = f"too old resource version: {version}"
    return ApiError(HTTPStatus.GONE, "Expired", message)


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message)


def unsupported_media_type(given: str, accepted: str) -> ApiError:
    message = (
        f"the body of the request was in an unknown format ({given or 'no Content-Type'}) - "
        f"accepted media types include: {accepted}"
    )
    return ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
