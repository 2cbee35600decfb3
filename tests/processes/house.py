"""Hexa as a process of its own, killed and started again, between a Slack double here and the files it leaves.

A later life listens where the first one did, as it would behind a load balancer. What happened is read as an
operator reads it: from Slack, from the Kubernetes API by the kubeconfig, and from `hexa audit verify`.
"""

import asyncio
import base64
import json
import os
import signal
import ssl
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

from storage.engine import Database
from storage.runs import SqlRuns
from tests.fixtures.slack import Message, SlackDouble
from tests.fixtures.slack.delivery import Transport
from workflows import runs

ROOT = Path(__file__).parents[2]
SPEED = 20.0
STARTING = 30.0
WORKING = 30.0


@dataclass
class Processes:
    """``async with Processes(tmp_path) as house``; nothing runs until :meth:`start`."""

    path: Path
    transport: Transport = "http"
    variables: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self.slack = await self._stack.enter_async_context(SlackDouble(transport=self.transport))
        self.data = self.path / "data"
        self.data.mkdir(mode=0o700)
        self._log = self._stack.enter_context((self.path / "hexa.log").open("ab"))
        self.lives = 0
        self.generation = 0  # of web in shop, before anybody asked for anything
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.running:
            await self.kill()
        await self._stack.aclose()

    # --- lives ---------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self, crash_at: str = "", *, entry: tuple[str, ...] = ()) -> None:
        """A new life; returns when it serves, or when its crash came even before."""
        self.lives += 1
        command = entry or ("-m", "tests.processes.entry", str(SPEED))
        more = {"HEXA_CRASH_AT": crash_at} if crash_at else {}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=ROOT,
            env=self.environment() | more,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._log,
        )
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), STARTING)
        if not line and crash_at:
            return
        assert line, f"it did not start:\n{self.log()[-3000:]}"
        if not entry:
            self._remember(json.loads(line))
        self._target()
        if self.lives == 1:
            self.generation = int((await self.deployment())["metadata"]["generation"])
        if self.transport == "socket":
            await self.slack.wait_for_socket(timeout=STARTING)

    def environment(self) -> dict[str, str]:
        door = (
            {"SLACK_SIGNING_SECRET": self.slack.signing_secret}
            if self.transport == "http"
            else {"SLACK_APP_TOKEN": self.slack.app_token}
        )
        return {
            "PATH": os.environ["PATH"],
            "HEXA_DATA_DIR": str(self.data),
            "HEXA_PORT": "0",
            "HEXA_CONTROLPLANE_LISTEN": "127.0.0.1:0",
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_API_URL": self.slack.api_url,
            **door,
            **self.variables,
        }

    def _remember(self, told: Mapping[str, str]) -> None:
        """Where this life listens is where the next one will."""
        self.variables["HEXA_PORT"] = told["url"].rpartition(":")[2]
        self.variables["HEXA_CONTROLPLANE_LISTEN"] = told["controlplane"].removeprefix("http://")

    def _target(self) -> None:
        server = json.loads((self.data / "server.json").read_bytes())
        self.slack.target = f"{server['url']}/slack/events"

    async def died(self) -> None:
        """It ends by SIGKILL, by its own hand."""
        assert self.process is not None
        code = await asyncio.wait_for(self.process.wait(), WORKING)
        assert code == -signal.SIGKILL, f"it ended with {code}:\n{self.log()[-3000:]}"

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def terminate(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), WORKING)

    def log(self) -> str:
        """What all lives wrote to stderr and into the demo's log file."""
        files = (self.path / "hexa.log", self.data / "hexa.log")
        return "".join(one.read_text(errors="replace") for one in files if one.exists())

    async def hexa(self, *arguments: str) -> tuple[int, str]:
        """The command line beside it: exit code and everything it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hexa",
            *arguments,
            cwd=ROOT,
            env=self.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), STARTING)
        return process.returncode or 0, output.decode()

    # --- what happened -------------------------------------------------------------------------------------------

    async def ask(self, text: str, *, channel: str = "ops") -> tuple[Message, str]:
        """alice asks in a thread of its own; the card and its run."""
        sent = await self.slack.send_message("alice", channel, f"<@BOT> {text}")
        return await self.card(sent.ts)

    async def card(self, thread: str) -> tuple[Message, str]:
        def shown(double: SlackDouble) -> list[Any]:
            return [pair for pair in double.find_buttons("approval.approve") if pair[0].root_ts == thread]

        found = await self.slack.wait_until(shown, timeout=WORKING)
        return found[0][0], str(found[0][1].element["value"])

    async def closing(self, thread: str, timeout: float = WORKING) -> Message:
        """The message that says how it ended."""
        return await self.slack.wait_for_message(
            "ops", thread, where=lambda m: "(asked by" in m.plain_text(), timeout=timeout
        )

    async def barrier(self) -> None:
        """Stop in peace, start once more and be answered: whatever was still to be said has been said by then."""
        assert await self.terminate() == 0, self.log()[-3000:]
        await self.start()
        sent = await self.slack.send_message("alice", "ops", "<@BOT> pods in shop")
        await self.slack.wait_for_message("ops", sent.ts, timeout=WORKING)
        await self.slack.settled()

    async def changes(self) -> int:
        """How often the specification of web in shop was changed, over all lives."""
        return int((await self.deployment())["metadata"]["generation"]) - self.generation

    async def run(self, run_id: str) -> runs.Run:
        """Read beside the process that writes."""
        database = await Database.open_reading(self.data / "hexa.db")
        try:
            found = await SqlRuns(database, None).get(run_id)  # type: ignore[arg-type]
        finally:
            await database.close()
        assert found is not None
        return found

    async def cluster(self, path: str) -> dict[str, Any]:
        """An answer of the demo's Kubernetes API."""
        kubeconfig = yaml.safe_load((self.data / "demo.kubeconfig").read_text())
        server = kubeconfig["clusters"][0]["cluster"]
        tls = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
        headers = {"Authorization": f"Bearer {kubeconfig['users'][0]['user']['token']}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(server["server"] + path, ssl=tls) as response,
        ):
            assert response.status == 200, await response.text()
            return dict(await response.json())

    async def deployment(self, name: str = "web", namespace: str = "shop") -> dict[str, Any]:
        return await self.cluster(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
