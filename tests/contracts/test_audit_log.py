"""security.ports.AuditLog"""

import asyncio

from security import audit
from tests.contracts.samples import event
from tests.fakes.in_memory_audit import KEY


async def chain(stores, workspace_id="acme", **options):
    return [record async for record in stores.audit.records(workspace_id, **options)]


async def test_each_workspace_has_a_chain_of_its_own(stores):
    """Records of one workspace say nothing about another."""
    await stores.audit.append(event("a"), event("b", workspace_id="other"), event("c"))

    assert [record.event["type"] for record in await chain(stores)] == ["a", "c"]
    assert [record.sequence for record in await chain(stores, "other")] == [1]
    assert list(await stores.audit.workspaces()) == ["acme", "other"]


async def test_400_concurrent_records_make_one_valid_chain(stores):
    """No two are linked to the same record, none is lost."""
    await asyncio.gather(*(stores.audit.append(event(f"e{n}"), event(f"f{n}")) for n in range(200)))
    records = await chain(stores)

    assert len(records) == 400
    assert list(audit.verify(KEY, "acme", records, [])) == []


async def test_whatever_details_hold_the_chain_verifies_as_read(stores):
    """What is sealed is what JSON gives back: tuples, numbers as keys, any letters."""
    await stores.audit.append(event(numbers={10: "ten", 9: "nine"}, pair=(1, 2), text="Größe \N{SNOWMAN}", real=0.1))

    assert list(audit.verify(KEY, "acme", await chain(stores), [])) == []


async def test_records_can_be_read_from_a_place_on(stores):
    """A long chain is read in pages."""
    await stores.audit.append(*(event(f"e{n}") for n in range(1203)))

    assert [record.sequence for record in await chain(stores, after=1200)] == [1201, 1202, 1203]
    assert len(await chain(stores)) == 1203
    assert await chain(stores, "nowhere") == []
