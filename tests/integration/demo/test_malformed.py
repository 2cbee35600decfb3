"""Every field of every kind replaced by every sort of nonsense: refused or borne, but never a crash."""

import copy
import logging

import pytest

from demo import resources

NONSENSE = (5, -1, "x", "", True, [], {}, ["x"], [5], {"a": 5}, [{"a": {"b": 5}}], [[]])
TEMPLATE = {
    "metadata": {"labels": {"app": "odd"}, "annotations": {"a": "b"}},
    "spec": {
        "nodeSelector": {"a": "b"},
        "terminationGracePeriodSeconds": 3,
        "containers": [
            {
                "name": "c",
                "image": "nginx:1",
                "env": [{"name": "DATABASE_HOST", "value": "postgres"}],
                "ports": [{"containerPort": 80, "name": "main"}],
            }
        ],
    },
}
WORKLOAD = {
    "replicas": 1,
    "minReadySeconds": 0,
    "selector": {"matchLabels": {"app": "odd"}, "matchExpressions": [{"key": "app", "operator": "Exists"}]},
    "template": TEMPLATE,
}
STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}}
META = {"name": "odd", "labels": {"app": "odd"}, "annotations": {"a": "b"}, "ownerReferences": []}
EVENT = {"involvedObject": {"kind": "Pod", "name": "b", "uid": "u"}, "message": "m", "source": {"component": "c"}}
OBJECTS = {
    resources.DEPLOYMENTS: {"spec": {**WORKLOAD, "strategy": STRATEGY, "progressDeadlineSeconds": 5}},
    resources.REPLICASETS: {"spec": WORKLOAD},
    resources.PODS: {"spec": TEMPLATE["spec"]},
    resources.SERVICES: {
        "spec": {"selector": {"app": "odd"}, "ports": [{"port": 80, "targetPort": "main", "name": "a"}]}
    },
    resources.ENDPOINTS: {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80, "name": "a"}]}]},
    resources.CONFIGMAPS: {"data": {"a": "b"}},
    resources.SECRETS: {"type": "Opaque", "data": {"a": "Yg=="}},
    resources.NODES: {"spec": {"podCIDR": "10.1.0.0/24", "unschedulable": True}},
    resources.EVENTS: {**EVENT, "lastTimestamp": "2026-01-01T00:00:00Z", "count": 2},
}


def places(value, path=()):
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, (*path, key))


def replaced(obj, path, value):
    changed = copy.deepcopy(obj)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("deployments/web", {"conditions": 5}),
        ("deployments/web", {"conditions": [{"type": "Progressing", "status": "True"}]}),
        ("deployments/web", {"replicas": "many"}),
        ("deployments/web", 7),
    ],
)
async def test_a_status_that_would_trip_a_controller_is_refused(rest, path, status):
    """The status path is checked like the main one."""
    code, _ = await rest.merge(f"/apis/apps/v1/namespaces/shop/{path}/status", {"status": status})

    assert code == 400


@pytest.mark.parametrize("query", ["gracePeriodSeconds=soon", "gracePeriodSeconds="])
async def test_a_grace_period_must_be_a_number(rest, query):
    """Anything else is a bad request, and the pod lives on."""
    [pod, *_] = (await rest.get("/api/v1/namespaces/shop/pods"))["items"]

    assert (await rest("DELETE", f"/api/v1/namespaces/shop/pods/{pod['metadata']['name']}?{query}"))[0] == 400


@pytest.mark.parametrize("resource", OBJECTS, ids=lambda resource: resource.qualified)
async def test_nonsense_never_crashes_the_server_or_its_controllers(cluster, rest, resource, caplog):
    """No 500, no controller that trips over what was let in, and lists still show as tables."""
    caplog.set_level(logging.ERROR)
    prefix = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
    collection = f"{prefix}{'/namespaces/shop' if resource.namespaced else ''}/{resource.plural}"
    whole, tables = {"metadata": META, **OBJECTS[resource]}, "application/json;as=Table;v=v1;g=meta.k8s.io"
    accepted = 0

    for path in places(whole):
        for value in NONSENSE:
            status, made = await rest("POST", collection, replaced(whole, path, value))
            assert status in (201, 400, 422), (path, value, made)
            if status != 201:
                continue
            accepted += 1
            name = made["metadata"]["name"]
            assert (await rest("GET", collection, Accept=tables))[0] == 200, (path, value)
            assert (await rest("DELETE", f"{collection}/{name}?gracePeriodSeconds=0"))[0] == 200, (path, value)

    assert accepted
    assert not caplog.records, (caplog.records[0].getMessage(), caplog.records[0].exc_text)
