import pytest

from tests.integration.demo.conftest import DEPLOYMENTS, PODS, rolled_out

WEB = f"{DEPLOYMENTS}/web"
CONFIGMAPS = "/api/v1/namespaces/shop/configmaps"
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}, "data": {"a": "b"}}


async def test_scaling_changes_the_spec_and_bumps_the_generation_once(rest):
    """The scale subresource shows and changes replicas of the same object."""
    before = await rest.get(WEB)

    status, scale = await rest.merge(f"{WEB}/scale", {"spec": {"replicas": 5}})
    after = await rest.until(WEB, rolled_out)

    assert (status, scale["kind"], scale["spec"]["replicas"]) == (200, "Scale", 5)
    assert scale["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert after["status"]["readyReplicas"] == 5


@pytest.mark.parametrize("path", [WEB, f"{WEB}/scale"])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_stale_resource_version_is_a_conflict(rest, path, method):
    """409 for whoever did not see the last change, and nothing changes."""
    old = await rest.get(path)
    await rest.merge(WEB, {"metadata": {"labels": {"touched": "yes"}}})
    old["spec"]["replicas"] = 9

    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    status, body = await rest(method, path, old, kind)

    assert (status, body["reason"]) == (409, "Conflict")
    assert "the object has been modified" in body["message"]
    assert (await rest.get(WEB))["spec"]["replicas"] == 3


async def test_a_fresh_resource_version_passes(rest):
    """The precondition that holds is no obstacle; another uid is."""
    meta = (await rest.get(f"{WEB}/scale"))["metadata"]
    wanted = {"metadata": {"resourceVersion": meta["resourceVersion"], "uid": meta["uid"]}, "spec": {"replicas": 4}}

    assert (await rest.merge(f"{WEB}/scale", wanted))[0] == 200
    status, body = await rest.merge(WEB, {"metadata": {"uid": "someone-else"}})
    assert status == 409
    assert "UID in precondition: someone-else" in body["message"]


async def test_a_dry_run_answers_but_does_not_act(cluster, rest):
    """Create, patch, scale and delete in rehearsal leave version and objects alone."""
    version = cluster.store.version
    ran = [
        await rest("POST", f"{CONFIGMAPS}?dryRun=All", SETTINGS),
        await rest.merge(f"{WEB}/scale?dryRun=All", {"spec": {"replicas": 8}}),
        await rest.merge(f"{WEB}?dryRun=All", {"spec": {"replicas": 8}}),
        await rest("DELETE", f"{WEB}?dryRun=All"),
    ]

    assert [status for status, _ in ran] == [201, 200, 200, 200]
    assert ran[1][1]["spec"]["replicas"] == ran[2][1]["spec"]["replicas"] == 8
    assert cluster.store.version == version
    assert (await rest.merge(f"{WEB}?dryRun=Some", {}))[0] == 400


@pytest.mark.parametrize("replicas", [-1, -2147483648])
async def test_a_dry_run_finds_invalid_values(rest, replicas):
    """Validation comes before the decision not to keep."""
    status, body = await rest.merge(f"{WEB}/scale?dryRun=All", {"spec": {"replicas": replicas}})

    assert (status, body["reason"]) == (422, "Invalid")
    assert "spec.replicas" in body["message"]


async def test_an_absurd_scale_does_not_take_the_demo_down(rest):
    """A quota stops the pods; the Deployment says so, and scaling back heals."""
    await rest.merge(f"{WEB}/scale", {"spec": {"replicas": 1_000_000}})
    events = "/api/v1/namespaces/shop/events?fieldSelector=reason%3DFailedCreate"

    async for event in rest.watch("/api/v1/namespaces/shop/events"):
        if event["object"]["reason"] == "FailedCreate":
            break
    assert len((await rest.get("/api/v1/pods"))["items"]) <= 250
    assert "exceeded quota" in (await rest.get(events))["items"][0]["message"]

    await rest.merge(f"{WEB}/scale", {"spec": {"replicas": 2}})
    assert (await rest.until(WEB, rolled_out))["status"]["readyReplicas"] == 2


@pytest.mark.parametrize("kind", ["application/vnd.kubernetes.protobuf", "text/plain", "application/cbor"])
async def test_a_body_in_another_format_is_unsupported(rest, kind):
    """Imperative kubectl commands send protobuf; the answer says what is accepted."""
    created, problem = await rest("POST", CONFIGMAPS, b"k8s\x00", kind)
    patched, _ = await rest("PATCH", WEB, b"{}", kind)

    assert (created, patched, problem["reason"]) == (415, 415, "UnsupportedMediaType")
    assert "application/json" in problem["message"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b'{"metadata": 3}', b'{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}'],
)
async def test_a_broken_body_is_a_bad_request(rest, body):
    """400 with a reason, never a crash."""
    status, problem = await rest("POST", CONFIGMAPS, body)

    assert (status, problem["kind"]) == (400, "Status")


async def test_creating_twice_conflicts_and_needs_a_namespace(rest):
    """201, then 409; 404 where there is no such namespace; 400 where body and path disagree."""
    assert (await rest("POST", CONFIGMAPS, SETTINGS))[0] == 201
    assert (await rest("POST", CONFIGMAPS, SETTINGS))[1]["reason"] == "AlreadyExists"
    assert (await rest("POST", "/api/v1/namespaces/none/configmaps", SETTINGS))[0] == 404
    elsewhere = {**SETTINGS, "metadata": {"name": "x", "namespace": "staging"}}
    assert (await rest("POST", CONFIGMAPS, elsewhere))[0] == 400


async def test_server_side_apply_creates_and_then_merges(rest):
    """The first apply creates, the second changes what it names; a field manager is required."""
    path, kind = f"{CONFIGMAPS}/applied", "application/apply-patch+yaml"
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: {a: '1'}\n"

    assert (await rest("PATCH", path, text, kind))[0] == 400
    assert (await rest("PATCH", f"{path}?fieldManager=hexa&dryRun=All", text, kind))[0] == 201
    assert (await rest("GET", path))[0] == 404
    assert (await rest("PATCH", f"{path}?fieldManager=hexa", text, kind))[0] == 201
    status, merged = await rest("PATCH", f"{path}?fieldManager=hexa", text.replace(b"{a:", b"{b:"), kind)
    assert (status, merged["data"]) == (200, {"a": "1", "b": "1"})


async def test_status_and_spec_have_paths_of_their_own(rest):
    """The main path cannot fake a status, the status path cannot change the spec."""
    await rest.merge(WEB, {"status": {"readyReplicas": 77}})
    await rest.merge(f"{WEB}/status", {"spec": {"replicas": 77}})

    web = await rest.get(WEB)
    assert (web["spec"]["replicas"], web["status"]["readyReplicas"]) == (3, 3)


async def test_deleting_a_deployment_takes_its_replica_sets_and_pods_along(rest):
    """Owner references decide what belongs to it."""
    version = (await rest.get(PODS))["metadata"]["resourceVersion"]
    status, answer = await rest("DELETE", WEB, {"preconditions": {"uid": "other"}})
    assert (status, answer["reason"]) == (409, "Conflict")

    status, answer = await rest("DELETE", WEB, {"propagationPolicy": "Background"})
    assert (status, answer["status"], answer["details"]["name"]) == (200, "Success", "web")

    gone = set()
    async for event in rest.watch(PODS, resourceVersion=version, labelSelector="app=web"):
        if event["type"] == "DELETED":
            gone.add(event["object"]["metadata"]["name"])
        if len(gone) == 3:
            break
    sets = await rest.get("/apis/apps/v1/namespaces/shop/replicasets?labelSelector=app%3Dweb")
    assert sets["items"] == []


async def test_orphaned_dependants_stay(rest):
    """propagationPolicy Orphan cuts the bond first."""
    await rest("DELETE", f"{WEB}?propagationPolicy=Orphan")
    [_, rs] = (await rest.get("/apis/apps/v1/namespaces/shop/replicasets?labelSelector=app%3Dweb"))["items"]

    assert "ownerReferences" not in rs["metadata"] or rs["metadata"]["ownerReferences"] == []
    assert len((await rest.get(f"{PODS}?labelSelector=app%3Dweb"))["items"]) == 3


async def test_a_deleted_pod_ends_gracefully_and_is_replaced(rest):
    """Terminating first, then gone; the ReplicaSet makes another one."""
    listed = await rest.get(f"{PODS}?labelSelector=app%3Dweb")
    name, version = listed["items"][0]["metadata"]["name"], listed["metadata"]["resourceVersion"]

    status, pod = await rest("DELETE", f"{PODS}/{name}")
    assert (status, pod["kind"]) == (200, "Pod")
    assert pod["metadata"]["deletionTimestamp"]

    seen = set()
    async for event in rest.watch(PODS, resourceVersion=version, labelSelector="app=web"):
        seen.add((event["type"], event["object"]["metadata"]["name"] == name))
        if {("DELETED", True), ("ADDED", False)} <= seen:
            break
    assert (await rest.until(WEB, rolled_out))["status"]["readyReplicas"] == 3


async def test_a_deleted_namespace_takes_everything_along(rest):
    """Nothing of it can be listed any more, and it is not refilled by controllers."""
    version = (await rest.get("/api/v1/pods"))["metadata"]["resourceVersion"]
    await rest("DELETE", "/api/v1/namespaces/staging")

    gone = 0
    async for event in rest.watch("/api/v1/namespaces/staging/pods", resourceVersion=version):
        gone += event["type"] == "DELETED"
        if gone == 2:
            break
    for path in ("/apis/apps/v1/namespaces/staging/deployments", "/api/v1/namespaces/staging/services"):
        assert (await rest.get(path))["items"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", WEB),
        ("DELETE", DEPLOYMENTS),
        ("PUT", PODS),
        ("POST", "/version"),
        ("OPTIONS", PODS),
        ("DELETE", "/apis/events.k8s.io/v1/namespaces/shop/events/x"),
    ],
)
async def test_a_method_that_makes_no_sense_is_not_allowed(rest, method, path):
    """405 with a Status."""
    status, body = await rest(method, path, {} if method != "OPTIONS" else None)

    assert (status, body["reason"]) == (405, "MethodNotAllowed")
