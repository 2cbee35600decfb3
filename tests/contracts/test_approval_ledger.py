"""security.ports.ApprovalLedger"""

from tests.contracts.samples import T0, approval, ruling, run
from workflows.runs import Decision, RunState


async def started(stores, **values):
    await stores.runs.create(run(**values), messages=[], events=[])
    claimed = await stores.runs.claim("run-1")
    await stores.runs.consume("run-1", epoch=claimed.epoch, now=T0, events=[])
    return claimed.epoch


async def test_an_unknown_run_has_no_grant(stores):
    """Nothing covers what nobody planned."""
    assert await stores.ledger.grant("run-1") is None


async def test_only_a_consumed_approval_covers(stores):
    """Neither waiting nor approved is enough."""
    await stores.runs.create(run(), messages=[], events=[])
    waiting = await stores.ledger.grant("run-1")
    await stores.approvals.decide("run-1:approval", ruling(), events=[])
    approved = await stores.ledger.grant("run-1")
    claimed = await stores.runs.claim("run-1")
    await stores.runs.consume("run-1", epoch=claimed.epoch, now=T0, events=[])
    consumed = await stores.ledger.grant("run-1")

    assert [grant.covers("sha256:scale") for grant in (waiting, approved, consumed)] == [False, False, True]
    assert not consumed.covers("sha256:other")
    assert consumed.kind == "approval"
    assert (consumed.requester_id, consumed.workspace_id, consumed.policy_version) == ("alice", "acme", "v1")


async def test_a_policy_that_asks_for_none_covers_by_its_own_record(stores):
    """The planner stores the policy's answer as an approval that nobody gave."""
    none_needed = approval("run-1", decision=Decision.APPROVED, decided_at=T0, reason="policy staging")
    await started(stores, state=RunState.READY, approval=none_needed)
    grant = await stores.ledger.grant("run-1")

    assert grant.kind == "policy"
    assert grant.covers("sha256:scale")


async def test_no_approval_row_covers_nothing(stores):
    """Omission never means yes, even when the run is running."""
    await started(stores, state=RunState.READY, approval=None)

    assert (await stores.runs.get("run-1")).state is RunState.RUNNING
    assert not (await stores.ledger.grant("run-1")).covers("sha256:scale")


async def test_a_run_that_ended_covers_nothing_any_more(stores):
    """A worker that thaws afterwards is refused by the control plane too."""
    approved = approval("run-1", decision=Decision.APPROVED, decided_at=T0, decided_by="bob")
    epoch = await started(stores, state=RunState.READY, approval=approved)
    await stores.runs.finish("run-1", epoch=epoch, state=RunState.SUCCEEDED, summary="done", now=T0)

    assert not (await stores.ledger.grant("run-1")).covers("sha256:scale")


async def test_an_approval_of_another_plan_covers_nothing(stores):
    """Operations written into a plan after it was approved are not what was approved."""
    approved = approval("run-1", decision=Decision.APPROVED, decided_at=T0, decided_by="bob", digest="sha256:other")
    await started(stores, state=RunState.READY, approval=approved)

    assert (await stores.runs.get("run-1")).state is RunState.RUNNING
    assert not (await stores.ledger.grant("run-1")).covers("sha256:scale")
