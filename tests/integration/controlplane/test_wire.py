"""The HTTP surface: headers, bodies, problem documents, the OpenAPI document, health."""

import logging

import pytest

from controlplane.contract.catalogue import CATALOGUE
from tests.integration.controlplane.conftest import SCALE, World

PODS = "/internal/v1/resources/pods"
DO = "/internal/v1/operations/scale_deployment"
QUERY = {"workspace_id": "w1", "namespace": "shop"}


def headers(world: World, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.caller().token}", **more}


async def test_the_request_id_comes_back(world: World) -> None:
    """Given or made, for errors too; one that is not plain is replaced."""
    async with world.raw() as http:
        given = await http.get(PODS, params=QUERY, headers=headers(world, **{"X-Request-ID": "r-1"}))
        bad = await http.get(PODS, headers={"X-Request-ID": "a b"})

    assert given.headers["X-Request-ID"] == "r-1"
    assert bad.headers["X-Request-ID"] not in ("", "a b")


@pytest.mark.parametrize(("name", "value"), [("X-Internal-API", "yes"), ("X-API-Version", "v2")])
async def test_internal_calls_say_that_they_are(world: World, name: str, value: str) -> None:
    """Each of the two headers is required."""
    async with world.raw() as http:
        response = await http.get(PODS, params=QUERY, headers=headers(world, **{name: value}))

    assert response.status_code == 400
    assert name in response.json()["detail"]


async def test_all_problems_of_a_request_are_listed(world: World) -> None:
    """As a problem document, the values left out."""
    async with world.raw() as http:
        response = await http.post(
            DO,
            json={"workspace_id": "w1", "namespace": "Shop!", "replicas": "many", "force": True},
            headers=headers(world, **{"Idempotency-Key": "k"}),
        )

    assert response.status_code == 422
    assert response.headers["Content-Type"].startswith("application/problem+json")
    document = response.json()
    assert {one["field"] for one in document["problems"]} == {"namespace", "deployment_name", "replicas", "force"}
    assert {"type", "title", "status", "detail", "code"} <= document.keys()
    assert "many" not in response.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"replicas": NaN}', "application/json", 400),
        (b'{"replicas": 1, "replicas": 2}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b" " * (1024 * 1024 + 1), "application/json", 413),
    ],
)
async def test_a_body_that_is_not_one_object_is_refused(world: World, content: bytes, kind: str, status: int) -> None:
    """Each with its own status, always as a problem document."""
    async with world.raw() as http:
        response = await http.post(
            DO, content=content, headers=headers(world, **{"Content-Type": kind, "Idempotency-Key": "k"})
        )

    assert response.status_code == status
    assert response.json()["code"] == "invalid_request"


async def test_a_mutation_needs_a_key_and_a_dry_run_does_not(world: World) -> None:
    """Idempotency-Key."""
    async with world.raw() as http:
        without = await http.post(DO, json=SCALE, headers=headers(world))
        dry = await http.post(DO, json={**SCALE, "dry_run": True}, headers=headers(world))
        odd = await http.post(DO, json={**SCALE, "dry_run": "true"}, headers=headers(world))

    assert (without.status_code, dry.status_code, odd.status_code) == (400, 200, 422)
    assert dry.json()["changes"] == [{"path": "spec.replicas", "before": 3, "after": 6}]


async def test_a_parameter_given_twice_is_refused(world: World) -> None:
    """Rather than one of them chosen, and a name in the path cannot be overruled by the query."""
    async with world.raw() as http:
        twice = await http.get(f"{PODS}?namespace=shop&namespace=staging&workspace_id=w1", headers=headers(world))
        path = await http.get(f"{PODS}/a/logs", params={**QUERY, "pod_name": "b"}, headers=headers(world))

    assert (twice.status_code, path.status_code) == (422, 422)


async def test_what_nobody_expected_is_logged_and_not_shown(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """500 with the request id, the trace in the log only."""

    def broken(call: object) -> None:
        raise KeyError("secret inside")

    world.cluster.before = broken
    with caplog.at_level(logging.ERROR, "aiops.controlplane"):
        async with world.raw() as http:
            response = await http.get(PODS, params=QUERY, headers=headers(world, **{"X-Request-ID": "r-9"}))

    assert response.status_code == 500
    assert "secret" not in response.text
    assert "r-9" in response.json()["detail"]
    assert "secret inside" in caplog.text


async def test_what_is_not_there_is_a_problem_document_too(world: World) -> None:
    """Unknown paths and methods."""
    async with world.raw() as http:
        missing = await http.get("/internal/v1/resources/secrets", headers=headers(world))
        method = await http.delete(PODS, headers=headers(world))

    assert (missing.status_code, method.status_code) == (404, 405)
    assert missing.json()["code"] == "not_found"


async def test_the_openapi_document_has_every_operation_of_the_catalogue(world: World) -> None:
    """Made from it, with the parameters and their rules; every reference resolves."""
    async with world.raw() as http:
        response = await http.get("/internal/v1/openapi.json")
    document = response.json()

    told = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    assert told == set(CATALOGUE)
    body = document["paths"][DO]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["replicas"]["maximum"] == 1000
    assert "dry_run" in body["properties"]
    schemas = document["components"]["schemas"]
    references = {part.partition('"')[0] for part in response.text.split("#/components/schemas/")[1:]}
    assert references <= set(schemas)


async def test_readiness_depends_on_the_store_and_life_does_not(world: World) -> None:
    """Without the audit trail nothing could be authorised."""
    world.audit.unavailable = True
    async with world.raw() as http:
        life, ready = await http.get("/healthz"), await http.get("/readyz")

    assert (life.status_code, ready.status_code) == (200, 503)
