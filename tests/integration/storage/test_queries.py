"""What the adapters ask the database: never a query per row, and never a scan of what grows."""

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from tests.contracts.samples import T0, after, card, event, item, reply, ruling, run
from workflows.ports import StepEnd
from workflows.runs import RunState


class Recorded:
    """Statements with their parameters, of readers and writer."""

    def __init__(self, database):
        self.statements = []
        engines = (database._readers.sync_engine, database._writer._connection.engine)
        for engine in engines:
            sqlalchemy_event.listen(engine, "before_cursor_execute", self._record)

    def _record(self, _conn, _cursor, statement, parameters, _context, _many):
        if not statement.startswith(("BEGIN", "PRAGMA", "EXPLAIN")):
            self.statements.append((statement, parameters))


@pytest.fixture
async def recorded(database):
    recorder = Recorded(database)
    yield recorder
    recorder.statements.clear()


async def plans(database, statements):
    """How SQLite would execute each statement."""

    def work(connection):
        found = []
        for statement, parameters in statements:
            if statement.startswith("INSERT") and "SELECT" not in statement:
                continue
            one = parameters[0] if isinstance(parameters, list) else parameters
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one)
            found += [(row.detail, statement) for row in rows]
        return found

    return await database.read(work)


async def use_everything(stores):
    """Each port method that is called more often than once per start."""
    await stores.runs.create(run(), messages=[card(), reply("m")], events=[event()])
    await stores.approvals.decide("run-1:approval", ruling(), events=[event()])
    epoch = (await stores.runs.claim("run-1")).epoch
    await stores.runs.consume("run-1", epoch=epoch, now=T0, events=[event()])
    number = await stores.runs.begin("run-1", epoch=epoch, step_id="scale", now=T0, events=[event()])
    await stores.runs.note("run-1", epoch=epoch, step_id="scale", detail="1 of 2")
    await stores.runs.end(
        "run-1", epoch=epoch, step_id="scale", attempt=number, now=T0, end=StepEnd("done", "ok"), events=[event()]
    )
    await stores.runs.skip("run-1", epoch=epoch, step_ids=["watch"], reason="x")
    await stores.runs.finish("run-1", epoch=epoch, state=RunState.SUCCEEDED, summary="", now=T0)
    await stores.runs.get("run-1")
    await stores.runs.unfinished()
    await stores.runs.recent("acme")
    await stores.approvals.get("run-1:approval")
    await stores.approvals.waiting("acme")
    await stores.approvals.due(T0)
    await stores.approvals.next_due()
    await stores.messages.due("slack", T0)
    await stores.messages.next_due("slack")
    await stores.messages.begin("m")
    await stores.messages.shown("card-1", version=1, ref={"ts": "1"})
    await stores.messages.put_off("m", until=after(1), error="x")
    await stores.messages.at("slack", {"ts": "1"})
    await stores.messages.cards("run-1")
    await stores.inbox.accept(item("one"))
    await stores.inbox.lanes()
    await stores.inbox.take("T1:C1:1")
    await stores.inbox.finish("one", outcome="done")
    session = await stores.sessions.open(surface="slack", key="k", workspace_id="acme")
    await stores.sessions.history(session.id, limit=10)
    await stores.ledger.grant("run-1")
    await stores.effects.finished_on("run-1", "uid")
    await stores.bindings.permissions_of("alice", "acme")
    await stores.bindings.person_by_email("alice@example.com")
    _ = [record async for record in stores.audit.records("acme")]


async def test_no_query_scans_what_grows(database, stores, recorded):
    """Every look-up goes through an index: inbox, messages and runs of years cost nothing."""
    await use_everything(stores)
    found = await plans(database, recorded.statements)
    scans = [(detail, sql) for detail, sql in found if detail.startswith("SCAN") and "USING" not in detail]

    assert len(found) > 50
    assert [one for one in scans if "CONSTANT ROW" not in one[0]] == []


async def test_what_is_done_is_not_looked_at_when_asking_what_is_due(database, stores, recorded):
    """The indexes for work to be done hold only that work."""
    await stores.messages.due("slack", T0)
    await stores.inbox.lanes()
    await stores.inbox.take("T1:C1:1")
    await stores.runs.unfinished()
    await stores.approvals.waiting("acme")
    await stores.approvals.due(T0)
    await stores.approvals.next_due()
    details = " ".join(detail for detail, _ in await plans(database, recorded.statements))

    for index in (
        "ix_message_unsettled",
        "ix_inbox_item_unfinished",
        "ix_run_unfinished",
        "ix_run_waiting",
        "ix_approval_due",
    ):
        assert index in details


async def test_shown_messages_leave_the_index_of_what_is_due(database, stores):
    """Otherwise each delivery would read all messages ever posted."""
    await stores.runs.create(run(), messages=[card()], events=[])
    await stores.messages.add(*(reply(f"m{n}") for n in range(50)))
    for each in await stores.messages.due("slack", T0, limit=100):
        await stores.messages.shown(each.id, version=each.wanted, ref={"ts": each.id})
    open_ones = text("SELECT count(*) FROM message WHERE settled IS 0")
    idle = await database.read(lambda c: c.execute(open_ones).scalar())
    await stores.approvals.decide("run-1:approval", ruling(), events=[])

    assert idle == 0
    assert await database.read(lambda c: c.execute(open_ones).scalar()) == 1


@pytest.mark.parametrize("count", [1, 40])
async def test_any_number_of_runs_takes_two_queries(stores, recorded, count):
    """Runs with their approvals, steps with their attempts."""
    for n in range(count):
        await stores.runs.create(run(f"run-{n}"), messages=[], events=[])
    recorded.statements.clear()
    assert len(await stores.approvals.waiting("acme")) == count
    assert len(recorded.statements) == 2
    await stores.runs.recent("acme")

    assert len(recorded.statements) == 4


async def test_everyones_permissions_take_two_queries(stores, recorded):
    """However many people there are."""
    recorded.statements.clear()
    await stores.bindings.everyones_permissions("acme")

    assert len(recorded.statements) == 2
