"""What commands print: replies, runs and their progress, lists; as text for people or as JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.replies import Reply
from hexa import terminal
from hexa.cli import calling
from hexa.cli.client import Api
from hexa.cli.errors import DONE, NOT_DONE

Plain = Mapping[str, Any]


def as_json(value: Any) -> None:
    """Data on stdout, escaped to ASCII so that it cannot control a terminal."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def reply(console: Console, found: Plain | None) -> None:
    if found is not None:
        console.print(terminal.render(Reply.model_validate(found)))


def how_to_decide(console: Console, progress: Plain) -> None:
    """Who may approve a waiting run, and the command to do it."""
    approvers = [terminal.visible(str(one)) for one in progress["approvers"]]
    if not approvers:
        return
    console.print()
    command = f"{calling.command()} approvals approve {progress['run_id']} --as {approvers[0]}"
    console.print(Text.assemble("Waiting for ", (" or ".join(approvers), "bold"), ". To approve: ", (command, "cyan")))


async def follow(console: Console, api: Api, run_id: str) -> int:
    """Print each step as it changes until the run is over; the exit code says whether it was done."""
    titles: dict[str, str] = {}
    told: dict[str, tuple[str, str]] = {}
    last: Plain = {}
    async for last in api.follow(run_id):
        titles = titles or _titles((await api.run(run_id))["run"])
        for step in last["steps"]:
            state = (step["state"], step["detail"])
            if step["state"] != "pending" and told.get(step["id"]) != state:
                told[step["id"]] = state
                console.print(terminal.step_line(step["state"], titles.get(step["id"], step["id"]), step["detail"]))
    word, style = _ENDS.get(last["state"], ("Not run", "yellow"))
    console.print(Text.assemble((f"{word}: ", f"bold {style}"), terminal.visible(last["summary"] or last["state"])))
    return DONE if last["state"] == "succeeded" else NOT_DONE


def table(console: Console, columns: Iterable[str], rows: Iterable[Iterable[object]], *, empty: str) -> None:
    found = [[Text(terminal.visible(str(cell))) for cell in row] for row in rows]
    if not found:
        console.print(empty)
        return
    shown = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in found:
        shown.add_row(*row)
    console.print(shown)


def moment(value: str | None) -> str:
    """An ISO time in the reader's zone."""
    return datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M:%S") if value else ""


def run_rows(found: Iterable[Plain]) -> list[list[str]]:
    return [
        [
            one["run_id"],
            one["state"],
            one["title"],
            one["requester"],
            f"{one['namespace']} ({one['environment']})",
            moment(one["created_at"]),
        ]
        for one in found
    ]


def waiting_rows(found: Iterable[Plain]) -> list[list[str]]:
    return [
        [
            one["run_id"],
            one["title"],
            one["requester"],
            f"{one['namespace']} ({one['environment']})",
            ", ".join(one["approvers"]) or "nobody",
            moment(one["expires_at"]),
        ]
        for one in found
    ]


_ENDS = {
    "succeeded": ("Done", "green"),
    "failed": ("Failed", "red"),
    "needs_human": ("Needs a look", "yellow"),
}


def _titles(run: Plain) -> dict[str, str]:
    return {step["id"]: step["name"] for step in run["plan"]["steps"]}
