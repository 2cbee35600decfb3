"""workflows.ports.Inbox"""

import asyncio

from storage.signals import INBOX
from tests.contracts.samples import item


async def test_an_item_is_accepted_once(stores):
    """The same item again is refused."""
    assert await stores.inbox.accept(item("one"))
    assert not await stores.inbox.accept(item("one"))


async def test_either_key_tells_a_duplicate(stores):
    """The same message under another event id shares one key, and nothing of it is stored."""
    await stores.inbox.accept(item("one", "event:1", "message:1"))

    assert not await stores.inbox.accept(item("two", "event:2", "message:1"))
    assert not await stores.inbox.accept(item("three", "event:1", "message:3"))
    assert await stores.inbox.accept(item("four", "event:2", "message:3"))


async def test_a_key_named_twice_is_one_key(stores):
    """A message whose event has no id of its own may name one identity twice."""
    assert await stores.inbox.accept(item("one", "a", "a"))


async def test_keys_outlive_the_item(stores):
    """A late repetition of something finished is still a repetition."""
    await stores.inbox.accept(item("one"))
    await stores.inbox.finish("one", outcome="done")

    assert not await stores.inbox.accept(item("again", "one"))


async def test_a_lane_is_taken_in_order(stores):
    """First come, first served, whatever the ids."""
    for name in ("z", "a", "m"):
        await stores.inbox.accept(item(name))
    taken = []
    while found := await stores.inbox.take("T1:C1:1"):
        taken.append(found.id)
        await stores.inbox.finish(found.id, outcome="done")

    assert taken == ["z", "a", "m"]


async def test_an_item_stays_until_it_is_finished(stores):
    """A crash in between makes it come again, with its attempts counted."""
    await stores.inbox.accept(item("one", "k1", "k2"))
    first, second = await stores.inbox.take("T1:C1:1"), await stores.inbox.take("T1:C1:1")

    assert (first.attempts, second.attempts) == (1, 2)
    assert second.payload == {"text": "one"}
    assert set(second.keys) == {"k1", "k2"}


async def test_lanes_are_those_with_something_to_do(stores):
    """Finished lanes are not looked at again."""
    await stores.inbox.accept(item("one", lane="a"))
    await stores.inbox.accept(item("two", lane="b"))
    await stores.inbox.finish("one", outcome="done")

    assert list(await stores.inbox.lanes()) == ["b"]
    assert await stores.inbox.take("a") is None


async def test_of_400_at_once_every_one_is_stored_and_duplicates_once(stores):
    """Sharing commits neither loses an item nor lets a duplicate through."""
    offered = [item(f"{n}-{copy}", f"event:{n}") for n in range(200) for copy in range(2)]
    accepted = await asyncio.gather(*(stores.inbox.accept(each) for each in offered))
    taken = 0
    while found := await stores.inbox.take("T1:C1:1"):
        await stores.inbox.finish(found.id, outcome="done")
        taken += 1

    assert sum(accepted) == 200
    assert taken == 200


async def test_a_lone_surrogate_does_not_block_a_lane(stores):
    """Slack may send half of an emoji."""
    broken = item("one")
    assert await stores.inbox.accept(type(broken)(**{**fields(broken), "payload": {"text": "half \ud83d"}}))

    assert (await stores.inbox.take("T1:C1:1")).payload == {"text": "half \ud83d"}


async def test_accepting_wakes_those_who_wait(stores):
    """Nobody polls the inbox."""
    seen = stores.changed.version(INBOX)
    waiter = asyncio.create_task(stores.changed.wait(INBOX, seen, 5))
    await stores.inbox.accept(item("one"))

    assert await waiter > seen


def fields(one):
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
