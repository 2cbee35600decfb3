import pytest

from demo import DemoCluster
from tests.integration.demo.conftest import DEPLOYMENTS, PODS, Rest

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


async def test_the_seeded_world_is_there(rest):
    """The namespaces, deployments and labels other parts rely on."""
    shop = await rest.get("/api/v1/namespaces/shop")
    everywhere = (await rest.get("/apis/apps/v1/deployments"))["items"]
    ready = {
        f"{item['metadata']['namespace']}/{item['metadata']['name']}": item["status"].get("readyReplicas", 0)
        for item in everywhere
    }

    assert shop["metadata"]["labels"]["environment"] == "prod"
    assert len((await rest.get("/api/v1/nodes"))["items"]) == 2
    assert (
        ready.items() >= {"shop/web": 3, "shop/checkout": 0, "shop/api": 2, "staging/web": 1, "staging/api": 1}.items()
    )


async def test_checkout_crash_loops_with_restarts_and_events(rest):
    """A believable failure: waiting reason, last exit code, growing restarts, BackOff events."""
    pods = (await rest.get(f"{PODS}?labelSelector=app%3Dcheckout"))["items"]
    for pod in pods:
        [status] = pod["status"]["containerStatuses"]
        name = pod["metadata"]["name"]
        query = f"fieldSelector=involvedObject.name%3D{name},reason%3DBackOff"
        [event] = (await rest.get(f"/api/v1/namespaces/shop/events?{query}"))["items"]

        assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert status["lastState"]["terminated"]["exitCode"] == 1
        assert status["restartCount"] > 10
        assert event["type"] == "Warning"
        assert event["count"] > 1


async def test_restarts_grow_with_time(tmp_path):
    """The crash loop is alive, not a picture of one."""
    fast = DemoCluster(tmp_path / "fast", speed=100.0)
    await fast.start()
    rest = Rest(fast)
    [first, *_] = (await rest.get(f"{PODS}?labelSelector=app%3Dcheckout"))["items"]
    before = first["status"]["containerStatuses"][0]["restartCount"]

    pod = await rest.until(
        f"{PODS}/{first['metadata']['name']}",
        lambda pod: pod["status"]["containerStatuses"][0]["restartCount"] > before,
    )

    assert pod["metadata"]["uid"] == first["metadata"]["uid"]
    await rest.session.close()
    await fast.stop()


async def test_the_seed_is_settled(cluster, rest):
    """Starting the controllers on the seeded objects starts no rollout."""
    sets = (await rest.get("/apis/apps/v1/namespaces/shop/replicasets?labelSelector=app%3Dweb"))["items"]
    deployment = await rest.get(f"{DEPLOYMENTS}/web")

    assert sorted(rs["spec"]["replicas"] for rs in sets) == [0, 3]
    assert deployment["metadata"]["generation"] == deployment["status"]["observedGeneration"]
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"


@pytest.mark.parametrize("path", ["/version", "/healthz", "/readyz", "/livez"])
async def test_health_and_version_need_no_token(rest, path):
    """Probes do not authenticate on a real server either."""
    status, _ = await rest("GET", path, Authorization="")

    assert status == 200


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic x"])
async def test_without_the_token_there_is_nothing(rest, header):
    """401 with a Status, whatever is asked."""
    status, body = await rest("GET", PODS, Authorization=header)

    assert (status, body["kind"], body["reason"]) == (401, "Status", "Unauthorized")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (f"{PODS}/none", 'pods "none" not found'),
        (f"{DEPLOYMENTS}/none", 'deployments.apps "none" not found'),
        ("/apis/batch/v1/jobs", "the server could not find the requested resource"),
        (f"{PODS}/none/unicorn", "the server could not find the requested resource"),
    ],
)
async def test_what_is_not_there_is_a_not_found_status(rest, path, message):
    """kubectl prints this message as it is."""
    status, body = await rest("GET", path)

    assert (status, body["reason"], body["message"]) == (404, "NotFound", message)


async def test_pages_cover_everything_once(rest):
    """limit and continue walk the list without gaps or repetitions, all under the version of the first page."""
    whole = [item["metadata"]["uid"] for item in (await rest.get("/api/v1/pods"))["items"]]
    seen, token, versions = [], "", set()
    while True:
        page = await rest.get(f"/api/v1/pods?limit=4&continue={token}")
        seen += [item["metadata"]["uid"] for item in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        token = page["metadata"].get("continue", "")
        if not token:
            break
        assert page["metadata"]["remainingItemCount"] == len(whole) - len(seen)

    assert seen == whole
    assert len(versions) == 1


async def test_a_table_is_given_to_those_who_ask(rest):
    """kubectl get asks for rows; everybody else gets objects."""
    _, table = await rest("GET", DEPLOYMENTS, Accept=TABLE)
    _, one = await rest("GET", f"{DEPLOYMENTS}/web", Accept=TABLE)

    assert table["kind"] == one["kind"] == "Table"
    assert [row["cells"][0] for row in table["rows"]] == ["api", "checkout", "web"]
    assert one["rows"][0]["cells"][:4] == ["web", "3/3", 3, 3]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_discovery_names_the_scale_subresource(rest):
    """kubectl scale finds out here that a Scale of autoscaling/v1 is served."""
    listed = await rest.get("/apis/apps/v1")
    [scale] = [item for item in listed["resources"] if item["name"] == "deployments/scale"]
    groups = [group["name"] for group in (await rest.get("/apis"))["groups"]]

    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")
    assert {"apps", "autoscaling", "authorization.k8s.io", "events.k8s.io"} <= set(groups)
    assert (await rest.get("/api"))["versions"] == ["v1"]
    assert "apis/apps/v1" in (await rest.get("/openapi/v3"))["paths"]
    assert (await rest.get("/openapi/v3/apis/apps/v1"))["paths"]


async def test_events_are_shown_in_both_groups(rest):
    """events.k8s.io/v1 is the same events in newer clothes."""
    old = (await rest.get("/api/v1/namespaces/shop/events"))["items"]
    new = (await rest.get("/apis/events.k8s.io/v1/namespaces/shop/events"))["items"]

    assert [event["message"] for event in old] == [event["note"] for event in new]
    assert new[0]["regarding"] == old[0]["involvedObject"]


@pytest.mark.parametrize(
    ("user", "verb", "resource", "namespace", "allowed"),
    [
        ("alice", "patch", "deployments", "shop", True),
        ("alice", "get", "secrets", "shop", False),
        ("alice", "patch", "deployments", "kube-system", False),
        ("system:anonymous", "get", "pods", "shop", False),
    ],
)
async def test_access_reviews_tell_what_the_server_enforces(rest, user, verb, resource, namespace, allowed):
    """A review as somebody, and the same question under impersonation, agree."""
    asked = {"verb": verb, "resource": resource, "namespace": namespace}
    reviews = "/apis/authorization.k8s.io/v1"

    _, other = await rest(
        "POST", f"{reviews}/subjectaccessreviews", {"spec": {"user": user, "resourceAttributes": asked}}
    )
    own_spec = {"spec": {"resourceAttributes": asked}}
    _, own = await rest("POST", f"{reviews}/selfsubjectaccessreviews", own_spec, **{"Impersonate-User": user})

    assert (other["status"]["allowed"], own["status"]["allowed"]) == (allowed, allowed)


async def test_what_a_review_denies_is_forbidden(rest):
    """The 403 names user, verb, resource and namespace."""
    secrets = "/api/v1/namespaces/shop/secrets"
    status, body = await rest("GET", secrets, **{"Impersonate-User": "carol"})

    assert (status, body["reason"]) == (403, "Forbidden")
    assert 'User "carol" cannot list resource "secrets" in API group "" in the namespace "shop"' in body["message"]
