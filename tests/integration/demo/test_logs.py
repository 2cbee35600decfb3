import asyncio

import pytest

from tests.integration.demo.conftest import DEPLOYMENTS, PATIENCE, PODS


async def pod_of(rest, app):
    return (await rest.get(f"{PODS}?labelSelector=app%3D{app}"))["items"][0]["metadata"]["name"]


async def test_logs_are_the_newest_lines_and_stay_the_same(rest):
    """tailLines cuts at the end; timestamps allow to see that an old line does not change."""
    path = f"{PODS}/{await pod_of(rest, 'web')}/log"
    _, many = await rest("GET", f"{path}?timestamps=true&tailLines=50")
    _, few = await rest("GET", f"{path}?timestamps=true&tailLines=5")

    assert len(few.splitlines()) == 5
    assert few.splitlines()[0] in many.splitlines()
    assert "GET /" in few
    assert (await rest("GET", f"{path}?tailLines=0"))[1] == ""


async def test_checkout_tells_its_cause_now_and_before(rest):
    """Both the present and the previous run name the database that cannot be found."""
    path = f"{PODS}/{await pod_of(rest, 'checkout')}/log"

    for query in ("", "?previous=true"):
        status, text = await rest("GET", path + query)
        assert status == 200
        assert "cannot connect to database at postgres-primary:5432" in text


async def test_since_leaves_out_what_is_older(rest):
    """sinceSeconds looks back that far and no further."""
    path = f"{PODS}/{await pod_of(rest, 'api')}/log"
    _, recent = await rest("GET", f"{path}?sinceSeconds=60")
    _, whole = await rest("GET", path)

    assert 5 <= len(recent.splitlines()) <= 22
    assert len(whole.splitlines()) == 1_000
    assert len((await rest("GET", f"{path}?limitBytes=100"))[1]) == 100


async def test_following_ends_when_the_pod_is_deleted(rest):
    """Lines come as they fall due; the stream closes with the pod."""
    name = await pod_of(rest, "web")
    query = {"follow": "true", "tailLines": "1"}
    async with (
        asyncio.timeout(PATIENCE),
        rest.session.get(f"{rest._cluster.url}{PODS}/{name}/log", params=query) as answer,
    ):
        lines = [await answer.content.readline(), await answer.content.readline()]
        await rest("DELETE", f"{PODS}/{name}")
        async for _ in answer.content:
            pass

    assert all(lines)
    assert lines[0] != lines[1]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?previous=true", "previous terminated container"),
        ("?container=none", "container none is not valid for pod"),
        ("?tailLines=-1", "must be greater than or equal to 0"),
        ("?sinceTime=yesterday", "invalid sinceTime"),
    ],
)
async def test_a_wish_that_cannot_be_met_is_a_bad_request(rest, query, message):
    """400 with the words a real server uses."""
    status, body = await rest("GET", f"{PODS}/{await pod_of(rest, 'web')}/log{query}")

    assert status == 400
    assert message in body["message"]


async def test_a_container_that_has_not_started_has_no_logs(rest):
    """The message names the reason, as kubectl prints it."""
    image = {"spec": {"template": {"spec": {"containers": [{"name": "nginx", "image": "nginx:missing"}]}}}}
    await rest("PATCH", f"{DEPLOYMENTS}/web", image, "application/strategic-merge-patch+json")
    async for event in rest.watch(PODS, labelSelector="app=web"):
        [status] = event["object"]["status"].get("containerStatuses") or [{"state": {}}]
        if status["state"].get("waiting", {}).get("reason") == "ImagePullBackOff":
            break

    code, body = await rest("GET", f"{PODS}/{event['object']['metadata']['name']}/log")

    assert code == 400
    assert "trying and failing to pull image" in body["message"]
