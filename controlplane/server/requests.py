"""What a request must look like before anything is done with it: headers, credentials and one JSON object."""

import hmac
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from controlplane.contract import catalogue, errors
from controlplane.server.services import Services
from security import errors as security_errors
from security import tokens

MOST_BYTES = 1024 * 1024
_BEARER = "Bearer "


def check_headers(request: web.Request) -> None:
    """An internal call says that it is one, so that no browser or proxy makes one by accident."""
    if request.headers.get("X-Internal-API") != "true":
        raise errors.InvalidRequestError("The header X-Internal-API: true is required.", details={"status": 400})
    if request.headers.get("X-API-Version") != catalogue.API_VERSION:
        message = f"The header X-API-Version: {catalogue.API_VERSION} is required."
        raise errors.InvalidRequestError(message, details={"status": 400})


def claims_of(request: web.Request, services: Services) -> tokens.Claims:
    """The claims of the caller's token; a bad one is told without saying what is bad about it."""
    check_headers(request)
    try:
        return services.tokens.verify(_bearer(request))
    except security_errors.TokenError as error:
        raise errors.AuthenticationError(str(error)) from error


def check_credential(request: web.Request, services: Services) -> None:
    check_headers(request)
    if not hmac.compare_digest(_bearer(request).encode("utf-8", "surrogateescape"), services.credential):
        raise errors.AuthenticationError("The bot credential was not accepted. Check HEXA_CONTROLPLANE_KEY.")


def query_of(request: web.Request) -> dict[str, Any]:
    """Parameters of the query string and the path; one given twice is refused rather than chosen."""
    given = [*request.query.items(), *request.match_info.items()]
    names = [name for name, _ in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise errors.InvalidRequestError(f"Given more than once: {', '.join(twice)}.")
    return dict(given)


async def body_of(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise errors.InvalidRequestError("The body must be application/json.", details={"status": 415})
    try:
        body = json.loads(await request.read(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise errors.InvalidRequestError("The body is not valid JSON.", details={"status": 400}) from error
    if not isinstance(body, dict):
        raise errors.InvalidRequestError("The body must be a JSON object.")
    return body


def _bearer(request: web.Request) -> str:
    header = request.headers.get("Authorization", "")
    if not header.startswith(_BEARER):
        raise errors.AuthenticationError("The header Authorization: Bearer ... is required.")
    return header.removeprefix(_BEARER)


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name occurs twice")
    return names


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
