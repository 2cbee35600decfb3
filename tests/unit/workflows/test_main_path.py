"""From a sentence to a finished run, with the simulated control plane."""

from agents import replies
from controlplane.contract import errors as cp
from workflows.runs import Decision, RunState, StepState, Use


async def asked(house, text="scale web to 5 in shop", **where):
    answer = await house.ask(text, **where)
    assert answer.reply is None, answer.reply
    return answer.run_id


async def test_a_request_becomes_a_card_that_waits(house):
    """Nothing is changed before somebody approves; the plan holds the diff and who may approve."""
    run = await house.stores.runs.get(await asked(house))

    assert run.state is RunState.WAITING
    assert run.plan.title == "Scale web in shop to 5"
    assert run.plan.approvers == ("bob", "dave")
    preview = run.plan.step("perform_scaling").preview
    assert [(change.path, change.before, change.after) for change in preview.changes] == [("spec.replicas", 3, 5)]
    assert house.operations.calls("scale_deployment") == 0
    assert not house.dispatcher.advanced


async def test_an_approved_run_changes_the_cluster_once(house):
    """bob approves; the change happens once, the thread hears of it, the audit tells the story."""
    run_id = await asked(house)

    verdict = await house.decide(run_id, "bob")
    await house.drive()
    await house.engine.advance(run_id)

    run = await house.stores.runs.get(run_id)
    assert verdict.accepted
    assert run.state is RunState.SUCCEEDED
    assert [step.state for step in run.steps] == [StepState.DONE] * 3
    assert house.operations.deployments["shop", "web"].replicas == 5
    assert house.operations.calls("scale_deployment") == 1
    assert "Scaled web to 5 replicas in namespace shop" in run.summary
    kinds = [kind for kind, _, _ in await house.events()]
    assert kinds == [
        "approval_requested",
        "approval_approved",
        "run_begun",
        "operation_begun",
        "operation_ended",
        "run_finished",
    ]
    due = await house.stores.messages.due("test", house.clock())
    outcome = next(one for one in due if one.kind == "reply")
    assert "Done" in replies.Reply.model_validate(outcome.body).fallback


async def test_the_same_message_twice_starts_one_run(house):
    """The run's id comes from the trigger."""
    first = await asked(house, trigger="m1")
    again = await asked(house, trigger="m1")
    other = await asked(house, trigger="m2")

    assert first == again != other
    assert len(await house.stores.approvals.waiting("demo")) == 2


async def test_the_requester_cannot_approve_production(house):
    """Four eyes: alice's own click is refused in her own words, and audited."""
    run_id = await asked(house)

    verdict = await house.decide(run_id, "alice")

    assert not verdict.accepted
    assert "You asked for this yourself" in verdict.reply.fallback
    assert ("decision_refused", "alice", "own_request") in await house.events()
    assert (await house.stores.runs.get(run_id)).approval.decision is Decision.PENDING


async def test_a_viewer_cannot_approve(house):
    """carol lacks approvals.decide."""
    run_id = await asked(house)

    verdict = await house.decide(run_id, "carol")

    assert not verdict.accepted
    assert "approvals.decide" in verdict.reply.fallback
    assert ("decision_refused", "carol", "no_permission") in await house.events()


async def test_somebody_unknown_cannot_approve(house):
    """A person without bindings holds nothing."""
    verdict = await house.decide(await asked(house), "mallory")

    assert not verdict.accepted


async def test_in_staging_the_requester_may_approve(house):
    """Outside production one vote is enough, also one's own."""
    run_id = await asked(house, "scale web to 2 in staging")

    assert (await house.decide(run_id, "alice")).accepted
    await house.drive()

    assert house.operations.deployments["staging", "web"].replicas == 2


async def test_a_late_click_is_told_who_decided(house):
    """The second decision changes nothing."""
    run_id = await asked(house)
    await house.decide(run_id, "bob", "rejected")

    verdict = await house.decide(run_id, "dave")
    await house.drive()

    assert not verdict.accepted
    assert "already rejected by bob" in verdict.reply.fallback
    assert (await house.stores.runs.get(run_id)).state is RunState.ENDED
    assert house.operations.calls("scale_deployment") == 0


async def test_the_requester_may_withdraw(house):
    """Rejecting one's own request cancels it."""
    run_id = await asked(house)

    assert (await house.decide(run_id, "alice", "rejected")).accepted
    assert (await house.stores.runs.get(run_id)).approval.decision is Decision.CANCELLED


async def test_a_decision_after_expiry_is_refused(house):
    """Silence is not consent: the expired request cannot be approved any more."""
    run_id = await asked(house)
    house.clock.forward(minutes=31)

    verdict = await house.decide(run_id, "bob")

    assert not verdict.accepted
    run = await house.stores.runs.get(run_id)
    assert (run.approval.decision, run.state) == (Decision.EXPIRED, RunState.ENDED)


async def test_an_approval_not_begun_in_time_lapses(house):
    """Approved, but nothing drove it for longer than policy allows: it is not run."""
    run_id = await asked(house)
    await house.decide(run_id, "bob")
    house.clock.forward(minutes=16)

    await house.drive()

    run = await house.stores.runs.get(run_id)
    assert (run.approval.use, run.state) == (Use.LAPSED, RunState.ENDED)
    assert house.operations.calls("scale_deployment") == 0


async def test_drift_voids_the_approval_and_plans_anew(house):
    """Somebody scaled web meanwhile: nothing runs, a new card with the new difference waits."""
    run_id = await asked(house)
    live = house.operations.deployments["shop", "web"]
    house.operations.deployments["shop", "web"] = type(live)(4, live.uid, live.generation + 1)

    await house.decide(run_id, "bob")
    await house.drive()

    run = await house.stores.runs.get(run_id)
    assert (run.approval.use, run.state) == (Use.VOID, RunState.ENDED)
    [fresh] = await house.stores.approvals.waiting("demo")
    assert fresh.plan.replaces == run_id
    assert fresh.plan.step("perform_scaling").preview.changes[0].before == 4
    assert house.operations.calls("scale_deployment") == 0


async def test_a_status_change_is_not_drift(house):
    """resourceVersion moves with every status change; that voids nothing."""
    run_id = await asked(house)
    live = house.operations.deployments["shop", "web"]
    house.operations.deployments["shop", "web"] = type(live)(3, live.uid, live.generation, live.resource_version + 7)

    await house.decide(run_id, "bob")
    await house.drive()

    assert (await house.stores.runs.get(run_id)).state is RunState.SUCCEEDED


async def test_a_requester_who_lost_the_right_runs_nothing(house):
    """alice was demoted between card and execution."""
    run_id = await asked(house)
    await house.decide(run_id, "bob")
    await house.rebind(alice="viewer")

    await house.drive()

    run = await house.stores.runs.get(run_id)
    assert run.approval.use is Use.VOID
    assert "alice no longer holds" in run.approval.reason


async def test_an_approver_who_lost_the_right_no_longer_counts(house):
    """bob was demoted between click and execution."""
    run_id = await asked(house)
    await house.decide(run_id, "bob")
    await house.rebind(bob="viewer")

    await house.drive()

    assert (await house.stores.runs.get(run_id)).approval.use is Use.VOID
    assert house.operations.calls("scale_deployment") == 0


async def test_without_permission_no_card_is_made(house):
    """carol may not scale; she is told what she lacks, and it is audited."""
    answer = await house.ask("scale web to 5 in shop", who="carol")

    assert answer.run_id == ""
    assert "deployments.scale:shop" in answer.reply.fallback
    assert ("authorization_denied", "carol", "insufficient_permissions") in await house.events()


async def test_unknown_names_are_answered_with_close_ones(house):
    """An unknown deployment is refused before anybody is asked."""
    answer = await house.ask("scale wbe to 5 in shop")

    assert "There is no deployment wbe in shop." in answer.reply.fallback
    assert "Did you mean web?" in replies.plain(answer.reply.elements[0].text)
    assert ("plan_refused", "alice", "VALIDATION_FAILED") in await house.events()


async def test_an_unknown_cluster_names_the_known_ones(house):
    """The planner knows which clusters a workspace has."""
    answer = await house.ask("scale web to 5 in shop -c mars")

    assert "no cluster mars" in answer.reply.fallback
    assert "demo" in replies.plain(answer.reply.elements[0].text)


async def test_nothing_to_do_is_said_and_not_asked(house):
    """web already has three replicas."""
    answer = await house.ask("scale web to 3 in shop")

    assert "Nothing to do" in answer.reply.fallback
    assert await house.stores.approvals.waiting("demo") == []


async def test_a_cluster_that_is_down_is_said(house):
    """The error names what failed; nothing is created."""
    house.operations.faults["get_deployment_status"] = [
        cp.ClusterUnavailableError("The cluster demo cannot be reached.")
    ]

    answer = await house.ask("scale web to 5 in shop")

    assert "The cluster demo cannot be reached." in answer.reply.fallback
    assert await house.stores.approvals.waiting("demo") == []


async def test_what_waits_and_what_ran_can_be_asked(house):
    """For everybody; an approver sees how many wait for them."""
    assert (await house.ask("approvals")).reply.fallback == "Nothing waits for a decision."
    assert (await house.ask("runs")).reply.fallback == "Nothing was run yet."
    run_id = await asked(house)

    waiting = (await house.ask("approvals", who="bob")).reply
    assert waiting.fallback == "1 request waits for a decision, 1 of them for yours."
    assert waiting.elements[0].rows == (("Scale web in shop to 5", "alice", "bob, dave"),)
    assert "0 of them for yours" in (await house.ask("approvals", who="carol")).reply.fallback

    await house.decide(run_id, "bob")
    await house.drive()
    assert (await house.ask("runs")).reply.elements[0].rows[0][1] == "succeeded"


async def test_a_secret_typed_as_a_reason_is_not_kept(house):
    """Reasons go to the card, the thread and the audit trail."""
    run_id = await asked(house)
    reason = "use password=hunter2hunter2"

    await house.decisions.decide(run_id=run_id, person_id="bob", decision="rejected", surface="test", reason=reason)

    run = await house.stores.runs.get(run_id)
    assert run.approval.reason == "use password=[redacted:secret]"


async def test_a_secret_somebody_typed_is_not_echoed(house):
    """What looks like a credential is masked in the answer too."""
    house.conversation._redact = lambda text: text.replace("xoxb-1234", "[redacted]")

    answer = await house.ask("xoxb-1234 please")

    assert "xoxb-1234" not in answer.reply.model_dump_json()
    assert "[redacted]" in answer.reply.fallback
