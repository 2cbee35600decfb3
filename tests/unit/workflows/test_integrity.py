"""A plan that was altered behind the approval's back is neither approved nor begun."""

import json
import sqlite3
from typing import Any

import pytest

from controlplane.contract import canonical, models
from security.policies import Environments, PolicySet
from workflows import integrity
from workflows.runs import Decision, RunState, Use


def changing(plan: dict[str, Any]) -> dict[str, Any]:
    return next(step for step in plan["steps"] if step["mutating"])


def parameters(plan):
    """Something else would run than the card shows."""
    changing(plan)["parameters"]["replicas"] = 50


def shown(plan):
    """The card would show something else than runs."""
    changing(plan)["preview"]["changes"][0]["after"] = 4


def step_consistently(plan):
    """Card, parameters and operation digest agree with each other, and not with the approval."""
    step = changing(plan)
    for place in (step["parameters"], step["preview"]["parameters"]):
        place["replicas"] = 50
    step["preview"]["changes"][0]["after"] = 50
    step["digest"] = canonical.operation_digest_of(
        models.Preview.model_validate(step["preview"]),
        workspace_id=plan["workspace_id"],
        requester=plan["requester_id"],
        policy_version=plan["policy_version"],
    )


def requester(plan):
    """Somebody else asked."""
    plan["requester_id"] = "dave"


def namespace(plan):
    """The rules of another namespace would be asked."""
    plan["namespace"] = "staging"


def unseen(plan):
    """There is nothing to show."""
    changing(plan)["preview"] = None


def cluster(plan):
    """The rules of another cluster would be asked."""
    plan["cluster"] = "other"


def without_operations(plan):
    """A plan that changes nothing, under an approval of something."""
    plan["steps"] = [step for step in plan["steps"] if not step["mutating"]]


ALTERATIONS = [parameters, shown, step_consistently, requester, namespace, unseen, cluster, without_operations]


@pytest.fixture
def alter(tmp_path):
    def altered(run_id, change):
        with sqlite3.connect(tmp_path / "hexa.db", timeout=10) as database:
            (stored,) = database.execute("select plan from run where id = ?", (run_id,)).fetchone()
            plan = json.loads(stored)
            change(plan)
            database.execute("update run set plan = ? where id = ?", (json.dumps(plan), run_id))
        database.close()

    return altered


@pytest.mark.parametrize("change", ALTERATIONS)
async def test_an_altered_plan_cannot_be_approved(house, alter, change):
    """The refusal says what to do, and is audited."""
    run_id = (await house.ask("scale web to 5 in shop")).run_id
    alter(run_id, change)

    verdict = await house.decide(run_id, "bob")

    assert not verdict.accepted
    assert "altered" in verdict.reply.fallback
    assert ("decision_refused", "bob", "plan_altered") in await house.events()
    assert (await house.stores.runs.get(run_id)).approval.decision is Decision.PENDING


@pytest.mark.parametrize("change", [one for one in ALTERATIONS if one is not without_operations])
async def test_a_plan_altered_after_the_click_is_not_begun(house, alter, change):
    """The approval is void, and nothing reaches the cluster."""
    run_id = (await house.ask("scale web to 5 in shop")).run_id
    assert (await house.decide(run_id, "bob")).accepted
    alter(run_id, change)

    await house.drive()

    run = await house.stores.runs.get(run_id)
    assert (run.state, run.approval.use) == (RunState.ENDED, Use.VOID)
    assert "altered" in run.summary
    assert house.operations.calls("scale_deployment") == 0


async def test_a_plan_nobody_touched_is_not_altered(house):
    """Neither a change nor a plan without one is held up."""
    run = await house.stores.runs.get((await house.ask("scale web to 5 in shop")).run_id)

    assert not integrity.altered(run)


async def test_the_environment_is_that_of_the_click(house):
    """A namespace that became production since the card was made wants four eyes now."""
    run_id = (await house.ask("scale web to 2 in staging")).run_id
    house.planner._policy = PolicySet(environments=Environments({"demo": {"staging": "prod"}}))

    verdict = await house.decide(run_id, "alice")

    assert not verdict.accepted
    assert ("decision_refused", "alice", "own_request") in await house.events()


async def test_the_environment_written_into_a_plan_does_not_loosen_the_rules(house, alter):
    """What the plan says of its environment is for the card; the rules look it up."""
    run_id = (await house.ask("scale web to 5 in shop")).run_id
    alter(run_id, lambda plan: plan.update(environment="staging"))

    assert not (await house.decide(run_id, "alice")).accepted
    assert house.operations.calls("scale_deployment") == 0


async def test_other_policies_than_those_of_the_card_void_the_approval_and_say_so(house):
    """Drift of the rules is not told as drift of the object, and a new card follows."""
    run_id = (await house.ask("scale web to 5 in shop")).run_id
    assert (await house.decide(run_id, "bob")).accepted
    house.planner._policy = PolicySet(environments=Environments({"demo": {"shop": "prod", "more": "prod"}}))

    await house.drive()

    run = await house.stores.runs.get(run_id)
    assert run.summary == "The policies changed after the card was made, so the approval no longer fits."
    (again,) = await house.stores.approvals.waiting("demo")
    assert again.plan.replaces == run_id
