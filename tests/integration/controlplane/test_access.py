"""Who gets through: tokens, workspaces, current roles, constraints, and the exchange that gives tokens out."""

import base64
import json
from contextlib import AsyncExitStack
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controlplane.contract import errors
from controlplane.contract.operations import Caller
from security import ports, tokens
from tests.integration.controlplane.conftest import AUDIENCE, CREDENTIAL, ISSUER, SCALE, World

PODS = {"workspace_id": "w1", "namespace": "shop"}


def payload(world: World, **changes: Any) -> dict[str, Any]:
    now = int(world.clock().timestamp())
    good = {
        "sub": "alice", "workspace": "w1", "act": {"sub": "hexa"}, "run": "", "step": "", "digest": "", "sid": "s1",
        "jti": "j1", "iat": now, "nbf": now, "exp": now + 300, "iss": ISSUER, "aud": AUDIENCE,
    }  # fmt: skip
    return {**good, **changes}


async def refused(world: World, token: str) -> None:
    before = len(world.cluster.calls)
    with pytest.raises(errors.AuthenticationError):
        await world.client.read("get_pods", PODS, Caller(token, "req-1"))
    assert len(world.cluster.calls) == before


async def test_a_token_signed_with_another_key_is_refused(world: World) -> None:
    """Even under the id of ours."""
    headers = {"kid": world.keys.signing.kid}

    await refused(world, jwt.encode(payload(world), Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=headers))


async def test_a_token_without_a_signature_is_refused(world: World) -> None:
    """alg none, with something where the signature was."""
    parts = [{"alg": "none", "kid": world.keys.signing.kid}, payload(world)]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]

    await refused(world, ".".join([*encoded, "AAAA"]))


async def test_an_expired_token_is_refused(world: World) -> None:
    """Five minutes and the leeway later."""
    token = world.caller().token
    world.clock.advance(306)

    await refused(world, token)


async def test_a_token_for_another_audience_is_refused(world: World) -> None:
    """Signed by us, meant for somebody else."""
    other = tokens.Tokens(world.keys, ISSUER, "console", world.clock)

    await refused(world, other.mint(subject="alice", workspace="w1", session="s1"))


async def test_a_token_of_another_workspace_is_refused_and_recorded(world: World) -> None:
    """The request names a workspace the token is not for."""
    with pytest.raises(errors.PermissionDeniedError, match="workspace w2"):
        await world.client.read("get_pods", PODS, world.caller(workspace="w2"))

    denied = world.audit.of("authorization_denied")[-1]
    assert (denied.workspace_id, denied.reason) == ("w2", "insufficient_permissions")
    assert world.cluster.calls == []


async def test_somebody_without_permission_is_refused_and_recorded(world: World) -> None:
    """A viewer may look and not scale."""
    with pytest.raises(errors.PermissionDeniedError, match=r"deployments\.scale:shop") as caught:
        await world.client.preview("scale_deployment", SCALE, world.caller("carol"))

    assert caught.value.details["reason"] == "insufficient_permissions"
    assert world.cluster.calls == []


async def test_a_permission_in_one_namespace_is_none_in_another(world: World) -> None:
    """pods.get:shop says nothing about staging."""
    with pytest.raises(errors.PermissionDeniedError, match=r"pods\.get:staging"):
        await world.client.read("get_pods", {**PODS, "namespace": "staging"}, world.caller())


async def test_every_operation_is_recorded_before_the_cluster_is_asked(world: World) -> None:
    """authorization_granted with person, operation and request."""
    await world.client.read("get_pods", PODS, world.caller())

    (granted,) = world.audit.of("authorization_granted")
    assert (granted.actor, granted.action, granted.request_id) == ("alice", "get_pods", "req-1")


async def test_reading_without_an_audit_trail_is_refused_too(world: World) -> None:
    """No record, no operation."""
    world.audit.unavailable = True

    with pytest.raises(errors.ControlPlaneError, match="audit"):
        await world.client.read("get_pods", PODS, world.caller())

    assert world.cluster.calls == []


async def test_an_unknown_operation_is_denied_and_recorded(world: World) -> None:
    """By security, with what was perhaps meant."""
    async with world.raw() as http:
        bearer = {"Authorization": f"Bearer {world.caller().token}"}
        response = await http.post("/internal/v1/operations/scale_deploymnt", json=SCALE, headers=bearer)

    assert response.status_code == 404
    assert response.json()["did_you_mean"][0] == "scale_deployment"
    assert world.audit.of("authorization_denied")[-1].reason == "unknown_operation"


async def test_a_constraint_stops_whoever_has_the_permission(unserved: World) -> None:
    """Monday 9:00 is outside Tuesday's window."""
    unserved.constraints = {"scale_deployment": {"time_window": {"days": ["tue"]}}}
    async with AsyncExitStack() as stack:
        await unserved.serve(stack)

        with pytest.raises(errors.PermissionDeniedError, match="tue") as caught:
            await unserved.client.preview("scale_deployment", SCALE, unserved.caller())

    assert caught.value.details["reason"] == "constraint_violation"


# --- the exchange -----------------------------------------------------------------------------------------------------


async def test_a_person_gets_a_token_with_the_permissions_of_now(world: World) -> None:
    """And it works."""
    token = await world.client.for_person("alice", workspace_id="w1", session_id="s1", surface="slack")

    assert "deployments.scale:shop" in token.permissions
    assert token.expires_in == 300
    await world.client.read(
        "get_deployment_status", {**PODS, "deployment_name": "web"}, Caller(token.access_token, "r")
    )
    assert world.audit.of("token_issued")[0].details == {"surface": "slack"}


async def test_nobody_unknown_gets_a_token(world: World) -> None:
    """With the line that adds them."""
    with pytest.raises(errors.PermissionDeniedError, match="hexa user add mallory"):
        await world.client.for_person("mallory", workspace_id="w1", session_id="s1", surface="slack")

    assert world.audit.of("token_refused")


async def test_nobody_gets_a_token_for_a_workspace_that_is_not_configured(world: World) -> None:
    """And no audit chain of that name begins."""
    with pytest.raises(errors.NotFoundError, match="no workspace"):
        await world.client.for_person("dave", workspace_id="nowhere", session_id="s1", surface="slack")

    assert "nowhere" not in await world.audit.workspaces()


async def test_the_exchange_needs_the_bots_credential(world: World) -> None:
    """A user token is not one."""
    body = {"person_id": "dave", "workspace_id": "w1", "session_id": "s1", "surface": "cli"}
    async with world.raw() as http:
        for bearer in (world.caller().token, CREDENTIAL[:-1], "x", "\u00fc"):
            response = await http.post(
                "/internal/v1/tokens", json=body, headers={"Authorization": f"Bearer {bearer}".encode()}
            )
            assert response.status_code == 401, bearer


async def test_a_step_gets_a_token_of_the_runs_requester(world: World) -> None:
    """Not of whoever asks, and bound to run, step and digest."""
    preview = await world.approved()
    digest = world.digest(preview)

    token = await world.client.for_step("run1", step_id="scale", digest=digest)

    claims = world.tokens.verify(token.access_token)
    assert (claims.sub, claims.workspace, claims.run, claims.step, claims.digest, claims.sid) == (
        "alice", "w1", "run1", "scale", digest, "s1",
    )  # fmt: skip
    outcome = await world.client.execute(
        "scale_deployment", SCALE, Caller(token.access_token, "r"), idempotency_key="run1:scale"
    )
    assert outcome.target.generation == 2


async def test_a_step_gets_no_token_for_a_digest_nobody_approved(world: World) -> None:
    """Refused at the exchange already, on the record."""
    await world.approved()

    with pytest.raises(errors.PermissionDeniedError, match="No approval found"):
        await world.client.for_step("run1", step_id="scale", digest="sha256:other")

    assert world.audit.of("token_refused")[-1].reason == "no_approval"


async def test_a_run_that_waits_gets_a_token_for_reading_only(world: World) -> None:
    """Without a digest no grant needs to be consumed."""
    world.ledger.grants["run1"] = ports.Grant("run1", "w1", "alice", "s1", ("d",), "p1", "approval", None)

    token = await world.client.for_step("run1", step_id="look")

    assert world.tokens.verify(token.access_token).digest == ""
    with pytest.raises(errors.PermissionDeniedError):
        await world.client.for_step("run1", step_id="do", digest="d")


async def test_an_unknown_run_gets_no_token(world: World) -> None:
    """There is nobody in whose name it could be."""
    with pytest.raises(errors.NotFoundError, match="run9"):
        await world.client.for_step("run9", step_id="look")


async def test_a_rotated_key_keeps_verifying_the_tokens_it_signed(world: World) -> None:
    """And the key set shows both."""
    before = world.caller()
    world.keys.rotate()

    await world.client.read("list_deployments", PODS, before)
    await world.client.read("list_deployments", PODS, world.caller())

    async with world.raw() as http:
        keys = (await http.get("/.well-known/jwks.json")).json()["keys"]
    assert len(keys) == 2
    assert all(set(key) == {"kty", "crv", "x", "kid", "alg", "use"} for key in keys)


async def test_a_refused_credential_is_logged_without_the_credential(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """No audit record can name a stranger, but somebody on call can see that there was one, and from where."""
    token = jwt.encode(payload(world), Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": "other"})

    await refused(world, token)

    (record,) = [one for one in caplog.records if one.name == "aiops.controlplane"]
    assert (vars(record)["request_id"], vars(record)["remote"]) == ("req-1", "127.0.0.1")
    assert token not in caplog.text
