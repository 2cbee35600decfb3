"""Starting and stopping as an operator does it, with the product's own command."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.architecture.checkout import ROOT, product_modules
from tests.processes.entry import POINTS, VARIABLE
from tests.processes.house import WORKING, Processes

ENTRY = ("-m", "hexa", "demo")


def test_only_the_test_entry_point_knows_the_crash_variable() -> None:
    """No file of the product reads it."""
    assert [path for path in product_modules() if VARIABLE in (ROOT / path).read_text()] == []


@pytest.mark.slow
async def test_the_product_ignores_the_crash_variable(tmp_path: Path) -> None:
    """For every point the main path is walked to its end by the process that began it."""
    async with Processes(tmp_path) as house:
        for point in POINTS:
            house.variables["HEXA_CRASH_AT"] = point
            await house.start(entry=ENTRY)
            replicas = 4 + POINTS.index(point)
            card, _ = await house.ask(f"scale web to {replicas} in shop")
            await house.slack.click("bob", "approval.approve", card)
            await house.closing(card.root_ts)
            assert house.running
            assert await house.terminate() == 0


@pytest.mark.slow
async def test_sigterm_ends_it_at_once_and_cleanly(tmp_path: Path) -> None:
    """Exit code 0 within two seconds, server.json gone, nothing on stderr that looks like an accident."""
    async with Processes(tmp_path) as house:
        await house.start(entry=ENTRY)
        assert (house.data / "server.json").exists()
        began = asyncio.get_running_loop().time()
        code = await house.terminate()

        assert code == 0
        assert asyncio.get_running_loop().time() - began < 2.0
        assert not (house.data / "server.json").exists()
        assert "Traceback" not in house.log()
        assert "ERROR" not in house.log().upper()


@pytest.mark.slow
async def test_sigterm_during_a_rollout_leaves_the_run_to_the_next_life(tmp_path: Path) -> None:
    """Stopping does not wait for a rollout that hangs, and does not lose it."""
    async with Processes(tmp_path) as house:
        await house.start(entry=ENTRY)
        card, run_id = await house.ask("scale web to 8 in shop")
        await house.slack.click("bob", "approval.approve", card)
        await house.slack.wait_until(lambda _: "Running:" in card.plain_text(), timeout=WORKING)
        assert await house.terminate() == 0
        await house.start(entry=ENTRY)
        await house.closing(card.root_ts)

        assert (await house.run(run_id)).state == "succeeded"
        assert await house.changes() == 1
        assert len(house.slack.messages("ops", card.root_ts, bot=True)) == 2


@pytest.mark.slow
async def test_a_second_process_on_the_same_data_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """One line, no trace, and the first process does not notice; also when only the locks can tell."""
    async with Processes(tmp_path) as house:
        await house.start(entry=ENTRY)
        assert house.process is not None
        for words in ((f"process {house.process.pid}", "HEXA_DATA_DIR"), ("Another process",)):
            code, output = await house.hexa("demo")
            assert code != 0
            assert all(one in output for one in words), output
            assert "Traceback" not in output
            (house.data / "server.json").unlink(missing_ok=True)
        sent = await house.slack.send_message("alice", "ops", "<@BOT> pods in shop")
        await house.slack.wait_for_message("ops", sent.ts, timeout=WORKING)


@pytest.mark.slow
async def test_what_a_killed_process_left_does_not_keep_the_next_from_starting(tmp_path: Path) -> None:
    """In a container the next process often has the number of the one that died: server.json then names itself."""
    async with Processes(tmp_path) as house:
        await house.start(entry=ENTRY)
        await house.kill()
        left = json.loads((house.data / "server.json").read_text())
        left["pid"] = 1  # alive, and nobody of ours
        (house.data / "server.json").write_text(json.dumps(left))
        await house.start(entry=ENTRY)
        sent = await house.slack.send_message("alice", "ops", "<@BOT> help")

        await house.slack.wait_for_message("ops", sent.ts, timeout=WORKING)


@pytest.mark.slow
async def test_a_taken_port_is_named_with_the_variable_to_change(tmp_path: Path) -> None:
    """HEXA_PORT and HEXA_CONTROLPLANE_LISTEN alike; no trace."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Processes(tmp_path) as house:
        for variable, value in (("HEXA_PORT", f"{port}"), ("HEXA_CONTROLPLANE_LISTEN", f"127.0.0.1:{port}")):
            house.variables = {variable: value}
            code, output = await house.hexa("demo")
            assert code != 0
            assert variable in output
            assert str(port) in output
            assert "Traceback" not in output
    server.close()
    await server.wait_closed()


@pytest.mark.slow
async def test_no_secret_is_in_the_log(tmp_path: Path) -> None:
    """Tokens, signing secret, keys and response URLs do not reach stderr on the main path."""
    async with Processes(tmp_path) as house:
        await house.start(entry=ENTRY)
        card, _ = await house.ask("scale web to 5 in shop")
        await house.slack.click("bob", "approval.approve", card)
        await house.closing(card.root_ts)
        await house.slack.send_command("alice", "ops", "pods in shop")
        await house.terminate()

        log = house.log()
        secrets = [house.slack.bot_token, house.slack.signing_secret, *house.slack.workspace.response_urls]
        assert log
        assert [one for one in secrets if one in log] == []
        assert not re.search(r"eyJ[A-Za-z0-9_-]{10,}\.", log), "a JWT"
