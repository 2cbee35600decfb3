"""Cards: what is shown at each moment, and that buttons live only while a decision is pending."""

from datetime import timedelta

import pytest

from agents import replies
from workflows import cards
from workflows.runs import RunState


def buttons(reply):
    return [button for element in reply.elements if element.kind == "buttons" for button in element.items]


def words(reply):
    return reply.model_dump_json()


@pytest.fixture
async def run(house):
    answer = await house.ask("scale web to 5 in shop")
    return await house.stores.runs.get(answer.run_id)


async def test_a_waiting_card_shows_everything_an_approver_needs(house, run):
    """Who, what, where, the exact difference, risk, who may approve, until when."""
    reply = cards.card(run, role="approver", now=house.clock())

    kinds = [element.kind for element in reply.elements]
    assert kinds == ["facts", "diff", "paragraph", "moment", "buttons"]
    assert reply.title == "Scale web in shop to 5"
    diff = reply.elements[1]
    assert (diff.object, diff.lines[0].path, diff.lines[0].before, diff.lines[0].after) == (
        "Deployment shop/web",
        "spec.replicas",
        "3",
        "5",
    )
    assert "May approve: bob or dave." in replies.plain(reply.elements[2].text)
    assert reply.elements[3].at == int(run.approval.expires_at.timestamp())


async def test_buttons_carry_only_the_id_of_the_run(house, run):
    """The public action ids, and never a parameter."""
    reply = cards.card(run, role="approver", now=house.clock())

    assert [(one.action, one.value) for one in buttons(reply)] == [
        ("approval.approve", run.id),
        ("approval.reject", run.id),
        ("approval.details", run.id),
    ]
    assert buttons(reply)[0].label == "Scale to 5"


async def test_the_requesters_card_and_an_expired_one_have_no_buttons(house, run):
    """Who may not decide is not offered to; late is late."""
    late = house.clock() + timedelta(hours=1)

    assert buttons(cards.card(run, role="requester", now=house.clock())) == []
    assert buttons(cards.card(run, role="approver", now=late)) == []


@pytest.mark.parametrize(("decision", "says"), [("approved", "Approved by "), ("rejected", "Rejected")])
async def test_after_the_decision_no_button_remains(house, run, decision, says):
    """The card says who decided."""
    await house.decide(run.id, "bob", decision)
    await house.drive()

    run = await house.stores.runs.get(run.id)
    reply = cards.card(run, role="approver", now=house.clock())
    assert buttons(reply) == []
    assert says in words(reply)
    assert run.state in {RunState.SUCCEEDED, RunState.ENDED}


async def test_progress_shows_each_step_in_its_state(house, run):
    """After the run all steps are done, with their details."""
    await house.decide(run.id, "bob")
    await house.drive()

    reply = cards.card(await house.stores.runs.get(run.id), role="approver", now=house.clock())

    [progress] = [element for element in reply.elements if element.kind == "progress"]
    assert [step.state for step in progress.steps] == ["done", "done", "done"]
    assert "5 of 5 replicas ready" in progress.steps[2].detail


async def test_details_name_every_digest_and_parameter(house, run):
    """What the approval covers, for whoever wants to compare."""
    text = words(cards.details(run))

    assert run.plan.digest in text
    assert run.plan.step("perform_scaling").digest in text
    assert "uid-web" in text
