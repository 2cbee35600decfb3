"""workflows.ports.Messages"""

from tests.contracts.samples import T0, after, card, reply, ruling, run


async def due(stores, surface="slack", now=T0, **options):
    return [each.id for each in await stores.messages.due(surface, now, **options)]


async def test_messages_are_due_in_order_and_once_per_key(stores):
    """A turn that is repeated after a crash adds its replies again, and nothing is told twice."""
    await stores.messages.add(reply("b"), reply("a"))
    await stores.messages.add(reply("a"), reply("c"))

    assert await due(stores) == ["b", "a", "c"]
    assert await due(stores, limit=2) == ["b", "a"]
    assert await due(stores, "console") == []


async def test_a_reply_is_shown_once(stores):
    """After it was posted nothing is left to do."""
    await stores.messages.add(reply("a"))
    await stores.messages.begin("a")
    [sending] = await stores.messages.due("slack", T0)
    await stores.messages.shown("a", version=1, ref={"ts": "1.1"})

    assert sending.sending
    assert sending.attempts == 1
    assert await due(stores) == []


async def test_a_card_wants_the_version_of_its_run(stores):
    """Each change of the run makes the card due again, and shows which version it has to reach."""
    await stores.runs.create(run(), messages=[card()], events=[])
    await stores.messages.shown("card-1", version=1, ref={"ts": "1.1"})
    assert await due(stores) == []

    await stores.approvals.decide("run-1:approval", ruling(), events=[])
    [again] = await stores.messages.due("slack", T0)

    assert (again.shown, again.wanted, again.ref) == (1, 2, {"ts": "1.1"})


async def test_a_card_that_changed_while_it_was_posted_is_due_again(stores):
    """The post showed version 1; the run had moved on meanwhile."""
    await stores.runs.create(run(), messages=[card()], events=[])
    await stores.messages.begin("card-1")
    await stores.approvals.decide("run-1:approval", ruling(), events=[])
    await stores.messages.shown("card-1", version=1, ref={"ts": "1.1"})

    assert await due(stores) == ["card-1"]


async def test_an_older_version_never_replaces_a_newer_one(stores):
    """Two deliveries that finish in the wrong order leave the newer one."""
    await stores.messages.add(reply("a"))
    await stores.messages.shown("a", version=3, ref={"ts": "1.1"})
    await stores.messages.shown("a", version=1, ref={"ts": "1.1"})

    assert (await stores.messages.at("slack", {"ts": "1.1"})).shown == 3


async def test_what_was_put_off_is_due_later(stores):
    """A 429 puts off one message, not the others."""
    await stores.messages.add(reply("a"), reply("b"))
    await stores.messages.begin("a")
    await stores.messages.put_off("a", until=after(30), error="ratelimited")

    assert await due(stores) == ["b"]
    assert await stores.messages.next_due("slack") == after(30)
    assert await due(stores, now=after(30)) == ["a", "b"]
    assert [each.sending for each in await stores.messages.due("slack", after(30))] == [False, False]


async def test_shown_after_being_put_off_leaves_no_timer(stores):
    """Otherwise the delivery would wake for nothing for ever."""
    await stores.messages.add(reply("a"))
    await stores.messages.put_off("a", until=after(30), error="ratelimited")
    await stores.messages.shown("a", version=1, ref={"ts": "1"})

    assert await stores.messages.next_due("slack") is None


async def test_what_was_given_up_stays_so(stores):
    """Even when its run changes: the place is gone."""
    await stores.runs.create(run(), messages=[card()], events=[])
    await stores.messages.give_up("card-1", error="channel_not_found")
    await stores.approvals.decide("run-1:approval", ruling(), events=[])

    assert await due(stores) == []
    assert await stores.messages.next_due("slack") is None


async def test_a_message_to_be_resolved_is_replaced_once(stores):
    """A card for every approver becomes one card each; a repetition of that changes nothing."""
    await stores.runs.create(run(), messages=[card("everyone")], events=[])
    await stores.messages.expand("everyone", [card("bob"), card("dave")])
    await stores.messages.expand("everyone", [card("carol")])

    assert await due(stores) == ["bob", "dave"]
    assert [each.id for each in await stores.messages.cards("run-1")] == ["bob", "dave"]


async def test_a_message_is_found_where_it_was_posted_and_nowhere_else(stores):
    """A click is accepted only at a stored location; the order of the fields does not matter."""
    await stores.runs.create(run(), messages=[card()], events=[])
    await stores.messages.shown("card-1", version=1, ref={"channel": "C1", "ts": "1.1"})

    assert (await stores.messages.at("slack", {"ts": "1.1", "channel": "C1"})).run_id == "run-1"
    assert await stores.messages.at("slack", {"ts": "1.1", "channel": "C2"}) is None
    assert await stores.messages.at("console", {"channel": "C1", "ts": "1.1"}) is None
