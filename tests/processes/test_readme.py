"""The walk of the README, command by command, with what the README says they answer."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.processes.house import ROOT

PATIENCE = 30.0


def walk() -> list[tuple[str, list[str]]]:
    """(command, lines it answers) of the README's ten minutes, in order."""
    section = (ROOT / "README.md").read_text().split("## Ten minutes")[1].split("\n## ")[0]
    lines = [line.removeprefix("    ") for line in section.splitlines() if line.startswith("    ")]
    steps: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("$ "):
            steps.append((line.removeprefix("$ "), []))
        elif steps:
            steps[-1][1].append(line.strip())
    return steps


def environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "HEXA_PORT": "0",
        "HEXA_CONTROLPLANE_LISTEN": "127.0.0.1:0",
        "COLUMNS": "200",
    }


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[None]:
    """`hexa demo` in an empty folder, as `make demo` starts it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hexa", "demo", cwd=folder, env=environment(), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        assert b"is ready" in line
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), PATIENCE)


async def answer(command: str, folder: Path) -> str:
    """What a command of the walk prints, on stdout and stderr together."""
    words = shlex.split(command)
    program = [sys.executable, "-m", "hexa"] if words[0].endswith("hexa") else [words[0]]
    process = await asyncio.create_subprocess_exec(
        *program,
        *words[1:],
        cwd=folder,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    return printed.decode()


def test_the_walk_has_its_steps() -> None:
    """Ask, card, refusal, approval, kubectl, audit."""
    commands = [command for command, _ in walk()]

    assert len(commands) >= 6
    assert any("audit verify" in command for command in commands)


@pytest.mark.slow
async def test_the_walk_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    """Each command answers what stands below it; RUN is the id on the card."""
    run = ""
    async with demo(tmp_path):
        for command, expected in walk():
            if command.startswith("kubectl") and not shutil.which("kubectl"):
                continue
            printed = await answer(command.replace("RUN", run), tmp_path)
            run = (re.findall(r"run-[0-9a-f]+", printed) or [run])[0]
            flat = " ".join(printed.split())
            for line in expected:
                assert " ".join(line.split()) in flat, f"{command}\nsays\n{printed}\nand not\n{line}"
