"""agents.ports.Sessions"""

import asyncio

from agents.ports import Turn, WorkingSet
from tests.contracts.samples import T0, after


async def test_a_session_is_opened_once(stores):
    """Messages that arrive at the same time share one conversation."""
    opened = await asyncio.gather(
        *(stores.sessions.open(surface="slack", key="T1:C1:1", workspace_id="acme") for _ in range(50))
    )

    assert len({session.id for session in opened}) == 1
    assert await stores.sessions.get(opened[0].id) == opened[0]
    assert await stores.sessions.find(surface="slack", key="T1:C1:1") == opened[0]


async def test_surfaces_do_not_share_keys(stores):
    """A console session may have any key."""
    slack = await stores.sessions.open(surface="slack", key="1", workspace_id="acme")
    console = await stores.sessions.open(surface="console", key="1", workspace_id="acme")

    assert slack.id != console.id
    assert await stores.sessions.find(surface="cli", key="1") is None
    assert await stores.sessions.get("nobody") is None


async def test_an_alias_finds_the_session_and_says_where_it_takes_place(stores):
    """The first message posted for a command opened a thread: replies there belong to it."""
    session = await stores.sessions.open(surface="slack", key="command:1", workspace_id="acme")
    await stores.sessions.alias(session.id, surface="slack", key="T1:C1:2")
    by_alias = await stores.sessions.find(surface="slack", key="T1:C1:2")

    assert by_alias.id == session.id
    assert by_alias.key == "T1:C1:2"
    assert await stores.sessions.find(surface="slack", key="command:1") == by_alias
    assert await stores.sessions.open(surface="slack", key="T1:C1:2", workspace_id="acme") == by_alias


async def test_history_is_the_last_turns_oldest_first(stores):
    """What does not fit is left out at the beginning."""
    session = await stores.sessions.open(surface="slack", key="1", workspace_id="acme")
    turns = [Turn("user", f"turn {n}", after(n)) for n in range(5)]
    await stores.sessions.append(session.id, turns[:3])
    await stores.sessions.append(session.id, turns[3:])

    assert list(await stores.sessions.history(session.id, limit=3)) == turns[2:]


async def test_the_working_set_is_replaced_only_when_given(stores):
    """A turn that names nothing leaves what the conversation is about."""
    session = await stores.sessions.open(surface="slack", key="1", workspace_id="acme")
    working = WorkingSet("main", "shop", ("web", "api"))
    await stores.sessions.append(session.id, [Turn("user", "scale web", T0)], working=working)
    await stores.sessions.append(session.id, [Turn("hexa", "done", T0)])

    assert (await stores.sessions.get(session.id)).working == working
