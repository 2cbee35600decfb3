"""``hexa ask``: one question, its answer, and the run it started."""

from typing import Any

from hexa import terminal
from hexa.cli import showing
from hexa.cli.client import Api
from hexa.cli.errors import DONE


async def ask(api: Api, text: str, *, who: str, wait: bool, as_json: bool) -> int:
    answer = await api.chat(text, who=who)
    run_id = answer["run_id"]
    if as_json:
        return await _as_json(api, answer, wait=wait)
    console = terminal.console()
    if not run_id:
        showing.reply(console, answer["reply"])
        return DONE
    progress = await api.progress(run_id)
    showing.reply(console, progress["card"])
    if progress["waiting"]:
        showing.how_to_decide(console, progress)
        return await showing.follow(console, api, run_id) if wait else DONE
    return await showing.follow(console, api, run_id)  # nothing to wait for: it runs now


async def _as_json(api: Api, answer: dict[str, Any], *, wait: bool) -> int:
    progress: dict[str, Any] | None = None
    if answer["run_id"]:
        progress = await api.progress(answer["run_id"])
        if wait or not progress["waiting"]:
            async for progress in api.follow(answer["run_id"]):  # noqa: B007 -- the last one is the outcome
                pass
    showing.as_json({**answer, "run": progress})
    return DONE
