"""Closing, reopening and being killed: everything that was acknowledged is there."""

import asyncio
import signal
import sys

import pytest

from agents.ports import Turn, WorkingSet
from security import audit, permissions
from security.ports import Effect
from security.subjects import Person, RoleBinding
from storage.engine import Database
from storage.stores import open_stores
from tests.contracts.samples import T0, after, card, event, item, ruling, run
from tests.fakes.in_memory_audit import KEY
from workflows.ports import StepEnd


async def reopened(path, clock):
    database = await Database.open(path)
    return database, await open_stores(database, audit_key=KEY, roles=permissions.SHIPPED_ROLES, clock=clock)


async def everything(stores):
    """Whatever the ports can tell, as one value."""
    return {
        "runs": await stores.runs.recent("acme"),
        "waiting": await stores.approvals.waiting("acme"),
        "unfinished": await stores.runs.unfinished(),
        "timer": await stores.approvals.next_due(),
        "due": await stores.messages.due("slack", after(10**6)),
        "put off": await stores.messages.next_due("slack"),
        "lanes": await stores.inbox.lanes(),
        "session": await stores.sessions.find(surface="slack", key="T1:C1:1"),
        "people": await stores.bindings.people(),
        "permissions": await stores.bindings.everyones_permissions("acme"),
        "grant": await stores.ledger.grant("running"),
        "effects": await stores.effects.finished_on("running", "uid-1"),
        "audit": [record async for record in stores.audit.records("acme")],
    }


async def fill(stores):
    for name in ("waiting", "running"):
        await stores.runs.create(run(name), messages=[card(f"card-{name}", name)], events=[event(name)])
    await stores.approvals.decide("running:approval", ruling(), events=[event("decided")])
    epoch = (await stores.runs.claim("running")).epoch
    await stores.runs.consume("running", epoch=epoch, now=T0, events=[event("begun")])
    number = await stores.runs.begin("running", epoch=epoch, step_id="check", now=T0, events=[])
    await stores.runs.end(
        "running", epoch=epoch, step_id="check", attempt=number, now=after(1), end=StepEnd("done", "ok", {"a": [1]})
    )
    await stores.runs.begin("running", epoch=epoch, step_id="scale", now=after(2), events=[event("scale")])
    await stores.messages.put_off("card-waiting", until=after(60), error="ratelimited")
    await stores.inbox.accept(item("one"))
    session = await stores.sessions.open(surface="slack", key="T1:C1:1", workspace_id="acme")
    await stores.sessions.append(session.id, [Turn("user", "hi", T0)], working=WorkingSet("main", "shop", ("web",)))
    await stores.bindings.add(Person("alice", "alice@example.com"), [RoleBinding("alice", "acme", "operator")])
    await stores.effects.start(Effect("running:scale", "running", "f", "uid-1", T0, None, None))
    await stores.effects.finish("running:scale", at=after(3), result={"replicas": 5})


async def test_a_restart_keeps_everything(path, clock):
    """A waiting run is only rows, and so is all the rest."""
    database, stores = await reopened(path, clock)
    await fill(stores)
    before = await everything(stores)
    await database.close()
    database, stores = await reopened(path, clock)
    again = await everything(stores)
    await database.close()

    assert again == before
    assert again["unfinished"] == ["running"]
    assert again["effects"] == 1


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from security import permissions
from storage.engine import Database
from storage.stores import open_stores
from tests.contracts.samples import event, item, run
from tests.fakes.in_memory_audit import KEY

async def one(stores, n):
    assert await stores.inbox.accept(item(f"item-{n}"))
    await stores.runs.create(run(f"run-{n}"), messages=[], events=[event(f"run-{n}")])
    print(n, flush=True)

async def main():
    database = await Database.open(sys.argv[1])
    stores = await open_stores(
        database, audit_key=KEY, roles=permissions.SHIPPED_ROLES, clock=lambda: datetime.now(UTC)
    )
    n = int(sys.argv[2])
    while True:
        await asyncio.gather(*(one(stores, n + k) for k in range(8)))
        n += 8

asyncio.run(main())
"""


async def killed_while_writing(path, first, *, after_lines):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), str(first), stdout=asyncio.subprocess.PIPE
    )
    acknowledged = [int(await asyncio.wait_for(child.stdout.readline(), 60)) for _ in range(after_lines)]
    child.send_signal(signal.SIGKILL)
    rest = await asyncio.wait_for(child.stdout.read(), 60)
    await child.wait()
    return acknowledged + [int(line) for line in rest.decode().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 37, 150])
async def test_what_was_acknowledged_before_a_kill_is_there_after_it(path, clock, lines):
    """Killed with -9 in the middle of writing, three times in a row; the chain verifies, runs are whole."""
    acknowledged = []
    for generation in range(3):
        acknowledged += await killed_while_writing(path, generation * 100_000, after_lines=lines)
    database, stores = await reopened(path, clock)
    stored = {one.id: one for one in await stores.approvals.waiting("acme")}
    items = set()
    while found := await stores.inbox.take("T1:C1:1"):
        items.add(found.id)
        await stores.inbox.finish(found.id, outcome="done")
    records = [record async for record in stores.audit.records("acme")]
    await database.close()

    assert {f"run-{n}" for n in acknowledged} <= stored.keys()
    assert {f"item-{n}" for n in acknowledged} <= items
    assert all(one == run(one.id) for one in stored.values())
    assert {record.event["type"] for record in records} == stored.keys()
    assert list(audit.verify(KEY, "acme", records, [])) == []
