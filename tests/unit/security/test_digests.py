import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.digests import canonical, operation_digest, plan_digest, sha256

OPERATION = {
    "workspace_id": "demo",
    "cluster": "demo",
    "operation": "scale_deployment",
    "parameters": {"namespace": "shop", "deployment_name": "web", "replicas": 5},
    "target": {"kind": "Deployment", "namespace": "shop", "name": "web", "uid": "u1", "generation": 3},
    "changes": [{"path": "spec.replicas", "before": 3, "after": 5}],
    "requester": "alice",
    "policy_version": "sha256:1",
}
PLAN = {"workspace_id": "demo", "workflow": "scale_application", "requester": "alice"}


def test_the_canonical_form_does_not_depend_on_order_or_writing():
    """Two processes in two versions of Python agree on it."""
    assert canonical({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'.encode()
    assert sha256({"a": 1, "b": 2}) == sha256({"b": 2, "a": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), {"a": b"x"}, "\ud800"])
def test_what_has_no_canonical_form_is_refused(value):
    """A digest of something ambiguous would bind nothing."""
    with pytest.raises((ValueError, TypeError)):
        canonical(value)


def test_a_digest_stays_the_same_over_versions_of_hexa():
    """Approvals survive an upgrade: changing the form means raising its version."""
    assert operation_digest(**OPERATION) == "sha256:bd33e76845eccae27cf3c449e01d36ae3204028a0166eede804602999dc10d49"
    assert (
        plan_digest(["sha256:a", "sha256:b"], **PLAN)
        == "sha256:89db3cabbf02fc15646e6209480d4fee19ca9cab5bb8ccbb550d116cb60deae2"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"workspace_id": "other"},
        {"cluster": "other"},
        {"operation": "restart_deployment"},
        {"parameters": {**OPERATION["parameters"], "replicas": 6}},
        {"target": {**OPERATION["target"], "uid": "u2"}},
        {"target": {**OPERATION["target"], "generation": 4}},
        {"changes": [{"path": "spec.replicas", "before": 4, "after": 5}]},
        {"changes": []},
        {"requester": "bob"},
        {"policy_version": "sha256:2"},
    ],
)
def test_whatever_would_change_the_meaning_changes_the_digest(change):
    """An approval covers exactly what was shown."""
    assert operation_digest(**{**OPERATION, **change}) != operation_digest(**OPERATION)


def test_a_plan_covers_its_operations_in_order():
    """Another order is another plan, and so is another requester."""
    plans = [
        plan_digest(["a", "b"], **PLAN),
        plan_digest(["b", "a"], **PLAN),
        plan_digest(["a"], **PLAN),
        plan_digest(["a", "b"], **{**PLAN, "requester": "bob"}),
        plan_digest(["a", "b"], **{**PLAN, "workspace_id": "other"}),
        plan_digest(["a", "b"], **{**PLAN, "workflow": "other"}),
    ]

    assert len(set(plans)) == len(plans)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\,:{}[]é', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='ab",:', max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(PLAIN, PLAIN)
def test_different_data_has_different_canonical_forms(one, other):
    """No two plans share a form, whatever quotes and brackets their values contain."""
    same = repr(_sorted(one)) == repr(_sorted(other))

    assert (canonical(one) == canonical(other)) is same


def _sorted(value):
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value
