from tests.integration.demo.conftest import DEPLOYMENTS, PODS, rolled_out

WEB, CHECKOUT = f"{DEPLOYMENTS}/web", f"{DEPLOYMENTS}/checkout"
SETS = "/apis/apps/v1/namespaces/shop/replicasets"
STRATEGIC = "application/strategic-merge-patch+json"


async def sets_of(rest, app):
    found = (await rest.get(f"{SETS}?labelSelector=app%3D{app}"))["items"]
    return {rs["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: rs for rs in found}


def image_patch(container, image):
    return {"spec": {"template": {"spec": {"containers": [{"name": container, "image": image}]}}}}


async def test_a_new_image_rolls_out_within_its_bounds(cluster, rest):
    """Never fewer than three available nor more than four pods, and a third revision at the end."""
    counts = []
    cluster.store.subscribe(
        lambda change: (
            counts.append(change.object["status"])
            if change.resource == "deployments.apps" and change.object["metadata"]["name"] == "web"
            else None
        )
    )
    await rest("PATCH", WEB, image_patch("nginx", "nginx:1.28.0"), STRATEGIC)

    done = await rest.until(WEB, rolled_out)

    assert done["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert min(status["availableReplicas"] for status in counts) >= 3
    assert max(status["replicas"] for status in counts) <= 4
    assert {revision: rs["spec"]["replicas"] for revision, rs in (await sets_of(rest, "web")).items()} == {
        "1": 0,
        "2": 0,
        "3": 3,
    }
    images = {
        pod["spec"]["containers"][0]["image"] for pod in (await rest.get(f"{PODS}?labelSelector=app%3Dweb"))["items"]
    }
    assert "nginx:1.28.0" in images


async def test_rolling_back_reuses_the_replica_set_and_heals_checkout(rest):
    """The template of revision 1 comes back as revision 3, without a third ReplicaSet, and its pods work."""
    template = (await sets_of(rest, "checkout"))["1"]["spec"]["template"]
    del template["metadata"]["labels"]["pod-template-hash"]
    template["metadata"]["creationTimestamp"] = None
    patch = [{"op": "replace", "path": "/spec/template", "value": template}]

    status, _ = await rest("PATCH", CHECKOUT, patch, "application/json-patch+json")
    healed = await rest.until(CHECKOUT, rolled_out)

    assert status == 200
    assert set(await sets_of(rest, "checkout")) == {"2", "3"}
    conditions = {item["type"]: item["status"] for item in healed["status"]["conditions"]}
    assert conditions == {"Available": "True", "Progressing": "True"}


async def test_creating_the_missing_service_heals_checkout_too(rest):
    """The cause is what the logs say, so removing the cause helps."""
    service = {"metadata": {"name": "postgres-primary"}, "spec": {"ports": [{"port": 5432}]}}
    await rest("POST", "/api/v1/namespaces/shop/services", service)
    pods = (await rest.get(f"{PODS}?labelSelector=app%3Dcheckout"))["items"]
    for pod in pods:
        await rest("DELETE", f"{PODS}/{pod['metadata']['name']}?gracePeriodSeconds=0")

    healed = await rest.until(CHECKOUT, rolled_out)

    assert healed["status"]["readyReplicas"] == 2


async def test_an_image_that_cannot_be_pulled_is_late_in_the_end(rest):
    """The old pods keep serving, the new one waits in ImagePullBackOff, the deadline passes."""
    patch = image_patch("nginx", "nginx:does-not-exist")
    patch["spec"]["progressDeadlineSeconds"] = 5
    await rest("PATCH", WEB, patch, STRATEGIC)

    late = await rest.until(
        WEB,
        lambda web: any(item["reason"] == "ProgressDeadlineExceeded" for item in web["status"].get("conditions", [])),
    )
    pods = (await rest.get(f"{PODS}?labelSelector=app%3Dweb"))["items"]
    reasons = [pod["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason") for pod in pods]

    assert late["status"]["availableReplicas"] == 3
    assert reasons.count("ImagePullBackOff") == 1


async def test_a_paused_deployment_scales_but_does_not_roll(rest):
    """A template change waits until it is resumed."""
    await rest.merge(WEB, {"spec": {"paused": True, "replicas": 4}})
    await rest("PATCH", WEB, image_patch("nginx", "nginx:1.28.0"), STRATEGIC)
    await rest.until(WEB, lambda web: web["status"]["readyReplicas"] == 4)
    assert set(await sets_of(rest, "web")) == {"1", "2"}

    await rest.merge(WEB, {"spec": {"paused": None}})
    await rest.until(WEB, rolled_out)
    assert (await sets_of(rest, "web"))["3"]["spec"]["replicas"] == 4


async def test_scaling_down_takes_the_unready_and_the_newest_first(rest):
    """The three seeded pods outlive the ones that came later."""
    old = {pod["metadata"]["name"] for pod in (await rest.get(f"{PODS}?labelSelector=app%3Dweb"))["items"]}
    await rest.merge(f"{WEB}/scale", {"spec": {"replicas": 6}})
    await rest.until(WEB, rolled_out)

    await rest.merge(f"{WEB}/scale", {"spec": {"replicas": 3}})
    await rest.until(WEB, rolled_out)

    pods = (await rest.get(f"{PODS}?labelSelector=app%3Dweb"))["items"]
    assert {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]} == old


async def test_a_scale_tells_its_story_in_events(rest):
    """Deployment, ReplicaSet, scheduler and kubelet each say what they did."""
    await rest.merge(f"{WEB}/scale", {"spec": {"replicas": 4}})
    await rest.until(WEB, rolled_out)
    await rest.merge(f"{WEB}/scale", {"spec": {"replicas": 3}})

    wanted = {"ScalingReplicaSet", "SuccessfulCreate", "Scheduled", "Pulled", "Created", "Started", "Killing"}
    told = set()
    async for event in rest.watch("/api/v1/namespaces/shop/events"):
        told.add(event["object"]["reason"])
        if wanted <= told:
            break


async def test_endpoints_follow_the_ready_pods(rest):
    """A Service finds the pods it selects, and only while they are ready."""
    path = "/api/v1/namespaces/shop/endpoints/web"
    await rest.merge(f"{WEB}/scale", {"spec": {"replicas": 1}})

    endpoints = await rest.until(path, lambda found: len(found["subsets"][0].get("addresses", [])) == 1)

    [pod] = [
        pod
        for pod in (await rest.get(f"{PODS}?labelSelector=app%3Dweb"))["items"]
        if "deletionTimestamp" not in pod["metadata"]
    ]
    assert endpoints["subsets"][0]["addresses"][0]["ip"] == pod["status"]["podIP"]
