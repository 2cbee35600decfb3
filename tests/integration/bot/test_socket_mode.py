"""The same adapter over a websocket: acknowledged after the commit, connected again by itself."""

import asyncio

import pytest

from bot import socket_mode
from tests.integration.bot.house import House

APPROVE = "approval.approve"


@pytest.fixture(autouse=True)
def pings_are_fast(monkeypatch):
    """Reconnecting is measured in pings."""
    monkeypatch.setattr(socket_mode, "PING", 0.2)


@pytest.fixture
async def house(tmp_path):
    async with House(tmp_path, transport="socket") as house:
        yield house


async def test_a_request_and_a_decision_travel_over_the_websocket(house):
    """Message, card, click: without a public address."""
    house.conversation.answer = house.ask_for_change
    sent = await house.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
    card, _ = await house.slack.wait_for_button(APPROVE, "ops")
    click = await house.slack.click("bob", APPROVE, card)
    await house.slack.wait_until(lambda _: not card.action_ids)

    assert sent.acknowledged
    assert click.acknowledged
    assert "Approved by" in card.plain_text()
    assert not house.slack.refusals


async def test_there_is_no_http_door_in_socket_mode(house):
    """Nothing is expected from outside."""
    assert house.service.routes() == []


async def test_an_envelope_that_was_not_stored_is_not_acknowledged(house, monkeypatch):
    """Slack delivers it again."""
    accept, failures = house.stores.inbox.accept, [OSError("disk full")]

    async def flaky(item):
        if failures:
            raise failures.pop()
        return await accept(item)

    house.slack.socket.ack_timeout = 0.3
    monkeypatch.setattr(house.stores.inbox, "accept", flaky)
    sent = await house.slack.send_dm("alice", "pods")

    assert not sent.acknowledged
    assert await house.slack.wait_for_message(house.slack.dm("alice"))


async def test_a_refreshed_connection_loses_nothing(house):
    """Slack recycles its backends every few hours."""
    await house.slack.socket.disconnect()
    await house.slack.wait_for_socket()

    await house.slack.send_dm("alice", "pods")

    assert await house.slack.wait_for_message(house.slack.dm("alice"))


async def test_a_refused_ticket_is_replaced_by_a_new_one(house):
    """The SDK alone would try the same ticket for ever."""
    house.slack.socket.refuse_tickets = True
    await house.slack.socket.close()
    await house.slack.wait_until(lambda slack: slack.socket.refused >= 2, timeout=10)
    assert "slack_socket_mode" in await house.service.readiness()
    house.slack.socket.refuse_tickets = False

    await house.slack.wait_for_socket(timeout=10)

    async with asyncio.timeout(5):
        while "slack_socket_mode" in await house.service.readiness():
            await house.slack.send_dm("alice", "pods")
