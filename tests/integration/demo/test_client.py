"""The production client library against the demo cluster, as the cluster adapter uses it."""

import json

import pytest
from kubernetes_asyncio import client, config, watch


@pytest.fixture
async def api(cluster):
    settings = client.Configuration()
    await config.load_kube_config_from_dict(cluster.kubeconfig, client_configuration=settings)
    async with client.ApiClient(settings) as opened:
        yield opened


async def test_raw_calls_scale_a_deployment(api):
    """A merge patch on the scale with _preload_content=False, the way the adapter sends it."""
    apps = client.AppsV1Api(api)
    answer = await apps.read_namespaced_deployment_scale("web", "shop", _preload_content=False, _request_timeout=5)
    scale = json.loads(await answer.read())
    body = {"metadata": {"resourceVersion": scale["metadata"]["resourceVersion"]}, "spec": {"replicas": 4}}

    answer = await apps.patch_namespaced_deployment_scale(
        "web", "shop", body, _content_type="application/merge-patch+json", _preload_content=False, _request_timeout=5
    )

    assert answer.status == 200
    assert json.loads(await answer.read())["spec"]["replicas"] == 4


async def test_typed_calls_decode(api):
    """Objects are complete enough for the typed models, which check required fields."""
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)

    pods = await core.list_pod_for_all_namespaces()
    events = await core.list_namespaced_event("shop")
    deployment = await apps.read_namespaced_deployment("web", "shop")

    assert {pod.metadata.namespace for pod in pods.items} == {"shop", "staging", "kube-system"}
    assert {event.reason for event in events.items} >= {"BackOff", "Started"}
    assert deployment.status.conditions[0].type == "Available"


async def test_the_library_watches(api):
    """Watch.stream yields typed events from a list's version on."""
    apps = client.AppsV1Api(api)
    listed = await apps.list_namespaced_deployment("shop")
    await apps.patch_namespaced_deployment("web", "shop", {"metadata": {"labels": {"seen": "yes"}}})

    async with watch.Watch().stream(
        apps.list_namespaced_deployment, "shop", resource_version=listed.metadata.resource_version, timeout_seconds=5
    ) as stream:
        event = await anext(stream)

    assert event["type"] == "MODIFIED"
    assert event["object"].metadata.labels["seen"] == "yes"


async def test_refusals_are_api_exceptions_with_a_status(api):
    """404 and 409 arrive as the library's exception with our Status body."""
    apps = client.AppsV1Api(api)

    with pytest.raises(client.ApiException) as refusal:
        await apps.read_namespaced_deployment("none", "shop")

    assert refusal.value.status == 404
    assert json.loads(refusal.value.body)["reason"] == "NotFound"
