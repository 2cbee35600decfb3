"""The client: what it sends, and what it makes of answers and of silence."""

import base64
import json
from collections.abc import Callable

import httpx2
import pytest

from controlplane.client.http import HttpControlPlane
from controlplane.client.secure import SecureHKSClient, check_structure
from controlplane.contract import errors
from controlplane.contract.operations import Caller


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


TOKEN = f"{part({'alg': 'EdDSA'})}.{part({'sub': 'alice'})}.c2ln"
CALLER = Caller(TOKEN, "req-1")
SHOP = {"workspace_id": "w1", "namespace": "shop"}
SCALE = {**SHOP, "deployment_name": "web", "replicas": 6}


def answering(answer: Callable[[httpx2.Request], httpx2.Response]) -> HttpControlPlane:
    client = SecureHKSClient("http://controlplane.test/prefix/", transport=httpx2.MockTransport(answer))
    return HttpControlPlane(client, credential="the-credential")


async def sent(**changes: object) -> httpx2.Request:
    """The request made for reading logs."""
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"lines": []})

    await answering(answer).read("get_logs", {**SHOP, "pod_name": "web-1", **changes}, CALLER)
    return seen[0]


async def test_reading_puts_parameters_into_the_query_and_the_path() -> None:
    """No body with GET; what is as by default is not sent."""
    request = await sent(lines=7, previous=True)

    assert (request.method, request.url.path) == ("GET", "/prefix/internal/v1/resources/pods/web-1/logs")
    assert dict(request.url.params) == {**SHOP, "lines": "7", "previous": "true"}
    assert request.content == b""


async def test_every_call_has_the_headers_of_the_internal_api() -> None:
    """Those of the architecture guide."""
    headers = (await sent()).headers

    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert (headers["X-Internal-API"], headers["X-API-Version"], headers["X-Request-ID"]) == ("true", "v1", "req-1")


async def test_changing_posts_the_key_and_a_dry_run_says_so() -> None:
    """Under operations, as JSON."""
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(204)

    plane = answering(answer)
    with pytest.raises(errors.ControlPlaneError, match="cannot be read"):
        await plane.execute("scale_deployment", SCALE, CALLER, idempotency_key="r:s")
    with pytest.raises(errors.ControlPlaneError, match="cannot be read"):
        await plane.preview("scale_deployment", SCALE, CALLER)

    done, dry = seen
    assert done.url.path == "/prefix/internal/v1/operations/scale_deployment"
    assert (json.loads(done.content), done.headers["Idempotency-Key"]) == (SCALE, "r:s")
    assert json.loads(dry.content) == {**SCALE, "dry_run": True}
    assert "Idempotency-Key" not in dry.headers


async def test_the_exchange_shows_the_credential_and_nothing_else_does() -> None:
    """And neither it nor a token is in a repr."""
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"access_token": TOKEN, "expires_in": 300, "permissions": ["pods.get:shop"]})

    plane = answering(answer)
    token = await plane.for_step("r", step_id="s", digest="d")

    assert token.permissions == ("pods.get:shop",)
    assert seen[0].headers["Authorization"] == "Bearer the-credential"
    assert json.loads(seen[0].content) == {"run_id": "r", "step_id": "s", "digest": "d"}
    assert TOKEN not in repr(token) + repr(CALLER)
    assert "credential" not in repr(plane)


@pytest.mark.parametrize(
    ("raised", "kind", "happened"),
    [
        (httpx2.ConnectError("x"), errors.NetworkError, False),
        (httpx2.ConnectTimeout("x"), errors.NetworkError, False),
        (httpx2.PoolTimeout("x"), errors.NetworkError, False),
        (httpx2.ReadTimeout("x"), errors.OperationTimeoutError, None),
        (httpx2.WriteTimeout("x"), errors.OperationTimeoutError, None),
        (httpx2.ReadError("x"), errors.NetworkError, None),
        (httpx2.RemoteProtocolError("x"), errors.NetworkError, None),
    ],
)
async def test_silence_is_told_with_what_is_known(
    raised: Exception, kind: type[errors.ControlPlaneError], happened: bool | None
) -> None:
    """A connection that was not made did nothing; after that it is not known."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        raise raised

    with pytest.raises(kind) as caught:
        await answering(answer).execute("scale_deployment", SCALE, CALLER, idempotency_key="r:s")

    assert type(caught.value) is kind
    assert caught.value.happened is happened


async def test_a_dry_run_did_nothing_however_it_ends() -> None:
    """Even when the answer is lost."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("x")

    with pytest.raises(errors.OperationTimeoutError) as caught:
        await answering(answer).preview("scale_deployment", SCALE, CALLER)

    assert caught.value.happened is False


@pytest.mark.parametrize("status", [301, 307])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """A token goes where the configuration says."""
    calls = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        calls.append(request)
        return httpx2.Response(status, headers={"Location": "http://elsewhere.test/"})

    with pytest.raises(errors.ControlPlaneError, match=str(status)):
        await answering(answer).read("get_pods", SHOP, CALLER)

    assert len(calls) == 1


async def test_a_page_instead_of_json_is_an_error_of_its_status() -> None:
    """A gateway's HTML is not shown."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(403, text="<html>who are you</html>")

    with pytest.raises(errors.PermissionDeniedError) as caught:
        await answering(answer).read("get_pods", SHOP, CALLER)

    assert "html" not in str(caught.value)


@pytest.mark.parametrize("text", ["<html>", "[]", "null", ""])
async def test_a_success_that_cannot_be_read_is_an_error(text: str) -> None:
    """Of which it is not known what happened."""
    plane = answering(lambda request: httpx2.Response(200, text=text))

    with pytest.raises(errors.ControlPlaneError, match="HEXA_CONTROLPLANE_URL") as caught:
        await plane.execute("scale_deployment", SCALE, CALLER, idempotency_key="r:s")

    assert caught.value.happened is None


@pytest.mark.parametrize(
    "token",
    ["", "abc", "a.b", "a.b.c.d", "..", "!.!.!", f"{part([])}.{part({})}.x", f"{part({})}.{part(1)}.x", "x" * 5000],
)
async def test_what_cannot_be_a_token_is_never_sent(token: str) -> None:
    """Three parts of which two are JSON objects; more only the control plane can tell."""
    plane = answering(lambda request: pytest.fail("it was sent"))

    with pytest.raises(errors.AuthenticationError, match="Invalid JWT token"):
        await plane.read("get_pods", SHOP, Caller(token, "r"))
    check_structure(TOKEN)


async def test_parameters_are_checked_before_they_are_sent() -> None:
    """And reading and changing are not mixed up."""
    plane = answering(lambda request: pytest.fail("it was sent"))

    with pytest.raises(errors.InvalidRequestError, match="namespace"):
        await plane.read("get_pods", {**SHOP, "namespace": "../kube-system"}, CALLER)
    with pytest.raises(errors.InvalidRequestError, match="changes things"):
        await plane.read("scale_deployment", SCALE, CALLER)
    with pytest.raises(errors.InvalidRequestError, match="only be read"):
        await plane.execute("get_pods", SHOP, CALLER, idempotency_key="r:s")
