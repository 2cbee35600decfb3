import asyncio
import json
import os

import httpx2
import pytest

from hexa import serverfile
from hexa.cli import approvals, asking, calling, people, runs
from hexa.cli.client import Api
from hexa.cli.connection import connect
from hexa.cli.errors import CONFIGURATION, UNREACHABLE, USAGE, CommandError
from hexa.settings import load
from tests.unit.hexa.conftest import TOKEN

SCALE = "scale web to 5 in shop"


async def ask(api, text=SCALE, **options):
    return await asking.ask(api, text, **{"who": "alice", "wait": False, "as_json": False, **options})


async def waiting_id(api):
    return (await api.approvals())[0]["run_id"]


def told(capsys):
    return capsys.readouterr().out


async def test_an_answer_is_shown_as_text(api, capsys):
    """The headline first, then the details."""
    assert await ask(api, "deployments in shop") == 0
    assert "shop" in told(capsys)


async def test_a_card_is_followed_by_who_may_approve_and_the_command_for_it(api, capsys):
    """Nobody has to look anything up."""
    assert await ask(api) == 0

    out = told(capsys)
    assert "Scale web in shop to 5" in out
    assert "- 3\n  + 5" in out
    assert (
        f"Waiting for bob or dave. To approve: {calling.command()} approvals approve {await waiting_id(api)} --as bob"
        in out
    )


async def test_a_run_is_followed_to_its_end(api, house, capsys):
    """Asked with --wait: the approval, each step, and the outcome with exit code 0."""
    following = asyncio.create_task(ask(api, wait=True))
    await house.stores.changed.wait("runs", 0, 10)
    await house.decide(next(iter(house.stores.runs.rows)), "bob")
    await house.drive()

    assert await asyncio.wait_for(following, 10) == 0
    out = told(capsys)
    assert "[x] Scale Deployment (done): Scaled web to 5 replicas" in out
    assert "Done: Scaled web to 5 replicas" in out


async def test_a_refused_decision_leaves_with_one_and_says_why(api, capsys):
    """The same rules as in Slack."""
    await ask(api)
    run_id = await waiting_id(api)
    told(capsys)

    assert await approvals._decide(api, run_id, "approve", who="alice", as_json=False) == 1
    assert "wants somebody else to approve" in told(capsys)


async def test_a_decision_finds_the_run_by_the_beginning_of_its_id(api, house, capsys):
    """Ids are long; several that begin alike are refused."""
    await ask(api)
    run_id = await waiting_id(api)

    assert await approvals._decide(api, run_id[:8], "reject", who="bob", reason="no", as_json=True) == 0
    assert house.stores.runs.rows[run_id].approval.reason == "no"

    for number in (6, 7):
        await ask(api, f"scale web to {number} in shop")
    with pytest.raises(CommandError, match="Several waiting runs") as caught:
        await approvals._decide(api, "run-", "approve", who="bob", as_json=False)
    assert caught.value.code == USAGE


async def test_a_rejected_run_leaves_a_follower_with_one(api, house, capsys):
    """It was not done."""
    following = asyncio.create_task(ask(api, wait=True))
    await house.stores.changed.wait("runs", 0, 10)
    await house.decide(next(iter(house.stores.runs.rows)), "bob", "rejected")

    assert await asyncio.wait_for(following, 10) == 1
    assert "Not run: " in told(capsys)


async def test_lists_say_when_they_are_empty(api, capsys):
    """Silence would look like a failure."""
    assert await approvals._list(api, as_json=False) == 0
    assert await runs._list(api, as_json=False) == 0

    assert told(capsys) == "Nothing waits for a decision.\nThere are no runs yet.\n"


async def test_lists_and_cards_show_what_there_is(api, capsys):
    """For people, and as JSON for programs."""
    await ask(api)
    run_id = await waiting_id(api)
    for work in (
        approvals._list(api, as_json=False), runs._list(api, as_json=False), runs._show(api, run_id[:9], as_json=False),
        people._list(api, as_json=False),
    ):  # fmt: skip
        assert await work == 0
    out = told(capsys)
    assert out.count(run_id) >= 3
    assert "bob, dave" in out
    assert "alice@example.com" in out

    for work in (
        approvals._list(api, as_json=True), runs._list(api, as_json=True), runs._show(api, run_id, as_json=True),
        people._list(api, as_json=True), ask(api, "pods in shop", as_json=True),
    ):  # fmt: skip
        await work
        assert json.loads(told(capsys))


async def test_a_person_is_added(api, house, capsys):
    """And told under which id."""
    fields = {"email": "erin@example.com", "roles": ["operator"], "namespaces": ["shop"]}

    assert await people._add(api, fields) == 0
    assert told(capsys) == "erin is known as erin: operator in shop (demo).\n"


async def test_problems_of_the_server_become_one_line_with_a_next_step(api):
    """Cause and what to do."""
    with pytest.raises(CommandError) as caught:
        await ask(api, who="nobody")

    assert str(caught.value) == "Nobody is known as “nobody”. See who is: hexa user list."


async def test_a_server_that_is_gone_or_not_ours_is_told(server):
    """A refused connection, and an answer that is no JSON."""
    async with httpx2.AsyncClient(base_url="http://127.0.0.1:9", trust_env=False) as http:
        with pytest.raises(CommandError, match="does not answer") as caught:
            await ask(Api(http))
    assert caught.value.code == UNREACHABLE

    async with httpx2.AsyncClient(base_url=str(server.make_url("/metrics/nope")), trust_env=False) as http:
        with pytest.raises(CommandError, match="status 404"):
            await ask(Api(http))


async def test_a_command_finds_the_running_server(server, data_dir):
    """By server.json, with its token."""
    url = str(server.make_url("/")).rstrip("/")
    serverfile.write(data_dir, serverfile.Server(url, TOKEN, os.getpid()))

    async with connect(load({"HEXA_DATA_DIR": str(data_dir)})) as api:
        assert not api.local
        assert await api.approvals() == []


async def test_without_server_and_configuration_the_next_step_is_told(data_dir, monkeypatch, tmp_path):
    """A stale file does not stand in the way."""
    monkeypatch.chdir(tmp_path)
    serverfile.write(data_dir, serverfile.Server("http://127.0.0.1:9", TOKEN, os.getpid()))

    with pytest.raises(CommandError, match="hexa demo, or hexa run") as caught:
        async with connect(load({"HEXA_DATA_DIR": str(data_dir)})):
            pass
    assert caught.value.code == UNREACHABLE


async def test_only_the_owner_of_the_data_directory_speaks_in_anybodys_name(data_dir, monkeypatch):
    """--as is believed by the server, so the client must be the owner."""
    monkeypatch.setattr("os.geteuid", lambda: 4711)

    with pytest.raises(CommandError, match="belongs to somebody else") as caught:
        async with connect(load({"HEXA_DATA_DIR": str(data_dir)})):
            pass
    assert caught.value.code == CONFIGURATION
