import pytest

from demo import admission, resources
from demo.errors import ApiError


def deployment(**changes):
    spec = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}, "creationTimestamp": None},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]},
        },
    }
    return {"metadata": {"name": "web", "namespace": "shop"}, "spec": {**spec, **changes}}


def test_defaults_are_filled_in_as_a_real_server_does():
    """What kubectl prints later, and what makes templates comparable."""
    spec = admission.admit(resources.DEPLOYMENTS, deployment(), None)["spec"]

    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    assert spec["template"]["spec"]["restartPolicy"] == "Always"
    assert spec["template"]["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert "creationTimestamp" not in spec["template"]["metadata"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"selector": {}}, "spec.selector"),
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
        ({"strategy": {"rollingUpdate": {"maxSurge": "many"}}}, "spec.strategy.rollingUpdate.maxSurge"),
    ],
)
def test_an_invalid_deployment_names_the_field(changes, field):
    """422 with causes, as kubectl prints them."""
    with pytest.raises(ApiError) as refusal:
        admission.admit(resources.DEPLOYMENTS, deployment(**changes), None)

    assert refusal.value.code == 422
    assert [cause["field"] for cause in refusal.value.details["causes"]] == [field]


@pytest.mark.parametrize("replicas", ["3", 2.5, True, 2**31])
def test_a_count_of_the_wrong_type_does_not_decode(replicas):
    """A typed server answers 400 before it validates."""
    with pytest.raises(ApiError, match="cannot unmarshal") as refusal:
        admission.admit(resources.DEPLOYMENTS, deployment(replicas=replicas), None)

    assert refusal.value.code == 400


@pytest.mark.parametrize(
    "spec",
    [{"template": "x"}, {"template": {"spec": {"containers": ["x"]}}}, {"selector": {"matchExpressions": [{}]}}],
)
def test_malformed_objects_are_refused_not_crashed_on(spec):
    """Whatever shape comes in, the answer is a Status."""
    with pytest.raises(ApiError) as refusal:
        admission.admit(resources.DEPLOYMENTS, deployment(**spec), None)

    assert refusal.value.code in (400, 422)


def test_the_selector_of_a_workload_may_not_change():
    """A changed selector would abandon its pods."""
    current = admission.admit(resources.DEPLOYMENTS, deployment(), None)
    other = deployment(selector={"matchLabels": {"tier": "a"}})
    other["spec"]["template"]["metadata"]["labels"]["tier"] = "a"

    with pytest.raises(ApiError, match="field is immutable"):
        admission.admit(resources.DEPLOYMENTS, other, current)


@pytest.mark.parametrize("name", ["Web", "-web", "web_1", "a" * 254, ""])
def test_names_follow_the_dns_rules(name):
    """A name that kubectl could not address is refused."""
    with pytest.raises(ApiError) as refusal:
        admission.admit(resources.CONFIGMAPS, {"metadata": {"name": name}}, None)

    assert refusal.value.code == 422
