import copy

import pytest

from demo import patches
from demo.errors import ApiError

DEPLOYMENT = {
    "metadata": {"name": "web", "labels": {"app": "web"}, "finalizers": ["a"]},
    "spec": {
        "replicas": 3,
        "template": {
            "spec": {
                "containers": [
                    {"name": "nginx", "image": "nginx:1", "env": [{"name": "A", "value": "1"}], "args": ["x"]},
                    {"name": "side", "image": "side:1"},
                ]
            }
        },
    },
}


def containers(document):
    return document["spec"]["template"]["spec"]["containers"]


def strategic(containers_patch):
    return {"spec": {"template": {"spec": {"containers": containers_patch}}}}


def test_a_merge_patch_merges_maps_and_removes_nulls():
    """RFC 7386: maps merge, null deletes, everything else replaces."""
    patch = {"metadata": {"labels": {"app": None, "tier": "front"}}, "spec": {"replicas": 5}}

    patched = patches.apply(DEPLOYMENT, patch, patches.MERGE)

    assert patched["metadata"]["labels"] == {"tier": "front"}
    assert patched["spec"]["replicas"] == 5
    assert containers(patched) == containers(DEPLOYMENT)


def test_a_merge_patch_replaces_lists():
    """A merge patch knows no list keys, which is why kubectl prefers the strategic one."""
    patched = patches.apply(DEPLOYMENT, strategic([{"name": "only"}]), patches.MERGE)

    assert containers(patched) == [{"name": "only"}]


def test_a_strategic_patch_merges_containers_and_env_by_name():
    """Naming one container changes that one and leaves the others."""
    patch = strategic([{"name": "nginx", "image": "nginx:2", "env": [{"name": "B", "value": "2"}]}])

    nginx, side = containers(patches.apply(DEPLOYMENT, patch, patches.STRATEGIC))

    assert nginx["image"] == "nginx:2"
    assert nginx["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert nginx["args"] == ["x"]
    assert side == {"name": "side", "image": "side:1"}


def test_a_strategic_patch_deletes_replaces_and_orders():
    """The directives kubectl apply sends are followed and leave no trace."""
    patch = strategic([{"name": "side", "$patch": "delete"}, {"name": "new", "image": "new:1"}])
    patch["spec"]["template"]["spec"]["$setElementOrder/containers"] = [{"name": "new"}, {"name": "nginx"}]

    patched = patches.apply(DEPLOYMENT, patch, patches.STRATEGIC)

    assert [container["name"] for container in containers(patched)] == ["new", "nginx"]
    assert "$setElementOrder/containers" not in patched["spec"]["template"]["spec"]
    replaced = patches.apply(DEPLOYMENT, strategic([{"$patch": "replace"}, {"name": "one"}]), patches.STRATEGIC)
    assert containers(replaced) == [{"name": "one"}]


def test_service_ports_merge_by_port_and_container_ports_by_container_port():
    """Both lists are called ports; the key is the one the items carry."""
    document = {"spec": {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]}}

    patched = patches.apply(document, {"spec": {"ports": [{"port": 81, "name": "c"}]}}, patches.STRATEGIC)

    assert patched["spec"]["ports"] == [{"port": 80, "name": "a"}, {"port": 81, "name": "c"}]


def test_finalizers_merge_as_a_set_and_can_be_taken_from():
    """Primitive lists with merge strategy grow; $deleteFromPrimitiveList shrinks them."""
    grown = patches.apply(DEPLOYMENT, {"metadata": {"finalizers": ["b", "a"]}}, patches.STRATEGIC)
    shrink = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}

    assert grown["metadata"]["finalizers"] == ["a", "b"]
    assert patches.apply(grown, shrink, patches.STRATEGIC)["metadata"]["finalizers"] == ["b"]


def test_a_json_patch_adds_replaces_moves_and_tests():
    """RFC 6902 with escapes, list indices and the dash for the end."""
    operations = [
        {"op": "test", "path": "/spec/replicas", "value": 3},
        {"op": "replace", "path": "/spec/replicas", "value": 4},
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/a~1b", "value": "c"},
        {"op": "add", "path": "/metadata/finalizers/-", "value": "z"},
        {"op": "move", "from": "/metadata/labels/app", "path": "/metadata/labels/name"},
        {"op": "remove", "path": "/spec/template/spec/containers/1"},
    ]

    patched = patches.apply(DEPLOYMENT, operations, patches.JSON_PATCH)

    assert patched["spec"]["replicas"] == 4
    assert patched["metadata"]["annotations"] == {"a/b": "c"}
    assert patched["metadata"]["finalizers"] == ["a", "z"]
    assert patched["metadata"]["labels"] == {"name": "web"}
    assert len(containers(patched)) == 1


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/spec/replicas", "value": 9},
        {"op": "replace", "path": "/spec/nothing", "value": 1},
        {"op": "remove", "path": "/spec/template/spec/containers/7"},
        {"op": "explode", "path": "/spec"},
        {"path": "/spec"},
        "not an operation",
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused(operation):
    """422, and the document stays as it was."""
    with pytest.raises(ApiError) as refusal:
        patches.apply(DEPLOYMENT, [operation], patches.JSON_PATCH)

    assert refusal.value.code == 422


@pytest.mark.parametrize("kind", [patches.MERGE, patches.STRATEGIC])
def test_patching_never_changes_the_original(kind):
    """Objects in the store are shared with watchers."""
    before = copy.deepcopy(DEPLOYMENT)

    patches.apply(DEPLOYMENT, strategic([{"name": "nginx", "image": "other"}]), kind)
    patches.apply(DEPLOYMENT, {"metadata": {"labels": None}}, kind)

    assert before == DEPLOYMENT


def test_an_unknown_patch_language_is_an_unsupported_media_type():
    """415 tells which languages there are."""
    with pytest.raises(ApiError, match=r"application/merge-patch\+json") as refusal:
        patches.parse(b"{}", "application/json")

    assert refusal.value.code == 415
