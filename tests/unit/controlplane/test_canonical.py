"""What a digest covers, for the one who asks and the one who checks."""

from typing import Any

import pytest

from controlplane.contract import canonical, errors, models

GIVEN = {"workspace_id": "w1", "cluster": "main", "namespace": "shop", "deployment_name": "web", "replicas": 6}


def preview(**changes: Any) -> models.Preview:
    target = models.Target(
        kind="Deployment", namespace="shop", name="web", uid="u1", generation=4, resource_version="77"
    )
    plain: dict[str, Any] = {
        "operation": "scale_deployment",
        "cluster": "main",
        "parameters": canonical.canonical_parameters("scale_deployment", GIVEN),
        "target": target,
        "changes": (models.Change(path="spec.replicas", before=3, after=6),),
    }
    return models.Preview(**{**plain, **changes})


def digest(one: models.Preview, **changes: Any) -> str:
    facts = {"workspace_id": "w1", "requester": "alice", "policy_version": "p1", **changes}
    return canonical.operation_digest_of(one, **facts)


def test_parameters_are_those_of_the_model_without_workspace_and_cluster() -> None:
    """Both are covered by themselves; defaults are filled in."""
    given = {"workspace_id": "w1", "namespace": "shop", "pod_name": "a"}

    assert canonical.canonical_parameters("get_logs", given) == {
        "namespace": "shop", "pod_name": "a", "container": "", "lines": 100, "previous": False,
    }  # fmt: skip


def test_every_problem_is_listed() -> None:
    """As a sentence and as data, without the values."""
    with pytest.raises(errors.InvalidRequestError, match="namespace") as caught:
        canonical.parse("scale_deployment", {"workspace_id": "w1", "namespace": "../x", "replicas": "6", "force": 1})

    assert {one["field"] for one in caught.value.details["problems"]} == {
        "namespace", "deployment_name", "replicas", "force",
    }  # fmt: skip
    assert "../x" not in str(caught.value)


def test_an_unknown_operation_is_answered_with_close_ones() -> None:
    """Instead of a KeyError."""
    with pytest.raises(errors.InvalidRequestError, match="get_pods"):
        canonical.parse("get_pod", {})


@pytest.mark.parametrize(
    "other",
    [
        preview(cluster="other"),
        preview(parameters={"namespace": "shop", "deployment_name": "web", "replicas": 7}),
        preview(changes=(models.Change(path="spec.replicas", before=2, after=6),)),
        preview(changes=()),
        preview(target=preview().target.model_copy(update={"uid": "u2"})),
        preview(target=preview().target.model_copy(update={"generation": 5})),
    ],
)
def test_whatever_would_mean_something_else_changes_the_digest(other: models.Preview) -> None:
    """Cluster, parameters, changes, uid, generation."""
    assert digest(other) != digest(preview())


@pytest.mark.parametrize("changes", [{"workspace_id": "w2"}, {"requester": "bob"}, {"policy_version": "p2"}])
def test_who_asked_where_under_which_policy_changes_the_digest(changes: dict[str, str]) -> None:
    """An approval is for one person's request under one policy."""
    assert digest(preview(), **changes) != digest(preview())


def test_a_status_change_and_a_warning_do_not_change_the_digest() -> None:
    """resourceVersion is left out, and warnings are for people."""
    target = preview().target.model_copy(update={"resource_version": "78"})

    assert digest(preview(target=target, warnings=("careful",))) == digest(preview())


def test_generations_made_by_the_run_itself_are_subtracted() -> None:
    """The live object is one generation further because an earlier step of the run was done."""
    further = preview(target=preview().target.model_copy(update={"generation": 5}))

    assert digest(further, own_changes=1) == digest(preview())
