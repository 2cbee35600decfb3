import pytest

from demo import resources, selectors
from demo.errors import ApiError

WEB = {"metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web", "tier": "front"}}}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app=api", False),
        ("app!=api", True),
        ("missing!=x", True),
        ("app in (api, web)", True),
        ("app in (api)", False),
        ("app notin (api)", True),
        ("missing notin (api)", True),
        ("app", True),
        ("missing", False),
        ("!missing", True),
        ("!app", False),
        ("app=web,tier in (front,back),!canary", True),
        ("app=web,tier in (back)", False),
    ],
)
def test_a_label_selector_matches_as_on_a_real_server(text, matches):
    """Equality, set membership and existence, all joined by and."""
    assert selectors.labels(text)(WEB) is matches


@pytest.mark.parametrize("text", ["app=web=x", "in (a)", "app in a", "(a)"])
def test_nonsense_is_a_bad_request(text):
    """A selector that cannot be read is refused rather than matching everything."""
    with pytest.raises(ApiError) as refusal:
        selectors.labels(text)

    assert refusal.value.code == 400


def test_fields_reach_into_the_object():
    """A field selector compares the text of a nested field; a missing field is empty."""
    pod = {"metadata": {"name": "a"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}}

    assert selectors.fields("spec.nodeName=n1,status.phase!=Failed", resources.PODS)(pod)
    assert not selectors.fields("status.podIP=10.0.0.1", resources.PODS)(pod)


def test_a_field_that_is_not_indexed_is_refused():
    """A real server refuses unknown fields; matching nothing in silence would hide the mistake."""
    with pytest.raises(ApiError, match=r"field label not supported: spec\.replicas"):
        selectors.fields("spec.replicas=3", resources.DEPLOYMENTS)


def test_a_selector_object_reads_back_as_text():
    """A scale tells its selector in the form of the query string, which selects the same."""
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["front", "back"]},
            {"key": "canary", "operator": "DoesNotExist"},
        ],
    }

    assert selectors.text_of(selector) == "app=web,tier in (back,front),!canary"
    assert selectors.selects(selector, WEB["metadata"]["labels"])
    assert selectors.labels(selectors.text_of(selector))(WEB)
