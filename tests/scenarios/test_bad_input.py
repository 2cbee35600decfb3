"""What cannot be done is said clearly, in the conversation, with the next step; nothing is lost and nothing changes."""

import pytest

from demo import Fault
from tests.fixtures.running import RunningHexa, is_dead

UNANSWERED = 5.0


async def answered(hexa: RunningHexa, text: str) -> str:
    """What alice is told in the thread of her message; *text* without the mention."""
    sent = await hexa.slack.send_message("alice", "ops", f"<@BOT> {text}")
    answer = await hexa.slack.wait_for_message("ops", sent.ts, timeout=2 * UNANSWERED)
    await hexa.quiet()
    assert len(hexa.slack.messages("ops", sent.ts, bot=True)) == 1
    return answer.plain_text()


NOT_UNDERSTOOD = {
    "skale web to 5 in shop": ["'skale'", "Did you mean `scale`?"],
    "frobnicate everything": ["'frobnicate'", "help"],
    "scale web in shop": ["To how many replicas?", "scale web to 5 in shop"],
    "scale in shop to 5": ["Which deployment?", "scale web to 5 in shop"],
    "scale web to -3 in shop": ["from 0 to 1000", "-3"],
    "scale web to 100000 in shop": ["from 0 to 1000", "100000"],
    "scale web to 2.5 in shop": ["'2.5' is not a whole number"],
    "scale web to 99999999999999999999 in shop": ["is not a whole number"],
}
ASKED_BACK = {
    "scale web to 5": ["In which namespace? I never guess it for a change."],
    "scale web api to 5 in shop": ["understood only part"],
    "scale web; rm -rf / to 5 in shop": ["understood only part"],
    "scale ../../web to 5 in shop": ["not a valid name"],
    "scale web to 5 in shop --forse": ["--forse"],
    "logs checkout in shop --lines 0": ["I can show 1 to"],
    "logs in shop": ["The logs of which pod"],
    "status": ["In which namespace?"],
}
NOT_THERE = {
    "scale wbe to 5 in shop": ["no deployment wbe in shop", "Did you mean web?"],
    "scale web to 5 in shopp": ["no namespace shopp", "Did you mean shop?"],
    "scale web to 5 in shop on cluster west": ["no cluster west", "Known clusters: demo."],
    "status wbe in shop": ["no deployment wbe in shop", "web"],
    "pods in shopp": ["shopp"],
    "logs wbe in shop": ["no pod or workload wbe in shop"],
    "pods in shop on cluster west": ["west"],
}


@pytest.mark.parametrize("texts", [NOT_UNDERSTOOD, ASKED_BACK], ids=["not understood", "asked back"])
async def test_what_is_not_understood_is_asked_back(over_http: RunningHexa, texts: dict[str, list[str]]) -> None:
    """The cause, and an example or the word that was meant."""
    told = {text: await answered(over_http, text) for text in texts}

    assert {text: answer for text, answer in told.items() if not all(one in answer for one in texts[text])} == {}
    assert over_http.slack.find_buttons("approval.approve") == []
    assert over_http.changes == []


async def test_what_does_not_exist_is_named_with_what_is_near(over_http: RunningHexa) -> None:
    """Deployment, namespace and cluster; for a change the refusal is in the audit trail as well."""
    told = {text: await answered(over_http, text) for text in NOT_THERE}

    assert {text: answer for text, answer in told.items() if not all(one in answer for one in NOT_THERE[text])} == {}
    assert over_http.changes == []
    assert [one["actor"] for one in await over_http.events("plan_refused")] == ["alice"] * 3


async def test_scaling_to_what_is_there_makes_no_card(over_http: RunningHexa) -> None:
    """Nothing would change, so nobody is asked."""
    told = await answered(over_http, "scale web to 3 in shop")

    assert "web in shop is already as you ask" in told
    assert over_http.slack.find_buttons("approval.approve") == []
    assert over_http.changes == []


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 500}, {"drop": True}])
@pytest.mark.parametrize("text", ["pods in shop", "scale web to 5 in shop"])
async def test_a_cluster_that_is_down_is_named_as_the_cause(
    over_http: RunningHexa, fault: dict[str, bool | int], text: str
) -> None:
    """Errors and cut connections alike; the next step is there, and when it is back the same question works."""
    hexa = over_http
    down = hexa.cluster.faults.add(Fault(**fault))  # type: ignore[arg-type]
    told = await answered(hexa, text)
    hexa.cluster.faults.remove(down)

    assert "cluster" in told.lower(), told
    assert "again" in told.lower(), told
    assert "Traceback" not in told
    assert hexa.slack.find_buttons("approval.approve") == []
    again = await answered(hexa, text)
    assert "shop" in again
    assert "again" not in again.lower()


async def test_a_cluster_that_goes_down_after_the_approval_fails_the_run_and_says_so(over_http: RunningHexa) -> None:
    """The change is refused by the API server: known not to have happened, told on the card and in the thread."""
    hexa, slack = over_http, over_http.slack
    sent = await slack.send_message("alice", "ops", "<@BOT> scale web to 5 in shop")
    card, run_id = await hexa.card("ops")
    refusing = Fault(matches=lambda r: r.method == "PATCH" and "dryRun" not in r.query, status=403)
    hexa.cluster.faults.add(refusing)
    await slack.click("bob", "approval.approve", card)
    run = await hexa.run(run_id)
    await hexa.quiet()

    assert run.state == "failed"
    assert hexa.replicas() == 3
    assert is_dead(card)
    closing = slack.messages("ops", sent.ts, bot=True)[-1].plain_text()
    assert "Failed" in closing
    assert "Nothing is retried by itself" in closing
    assert "Scaled web to 5" not in closing
    ended = await hexa.events("operation_ended")
    assert [one["outcome"] for one in ended] == ["failed"]


async def test_a_change_whose_answer_was_lost_is_found_done_and_not_done_twice(over_http: RunningHexa) -> None:
    """The connection breaks after the PATCH took effect: the next attempt recognises it."""
    hexa, slack = over_http, over_http.slack
    await slack.send_message("alice", "ops", "<@BOT> scale web to 5 in shop")
    card, run_id = await hexa.card("ops")
    before = hexa.deployment("web")["metadata"]["generation"]
    cut = Fault(
        matches=lambda r: r.method == "PATCH" and "dryRun" not in r.query, drop=True, after_effect=True, times=1
    )
    hexa.cluster.faults.add(cut)
    await slack.click("bob", "approval.approve", card)
    run = await hexa.run(run_id, timeout=20)
    await hexa.quiet()

    assert run.state == "succeeded", run.summary
    assert hexa.deployment("web")["metadata"]["generation"] == before + 1
    assert hexa.replicas() == 5


async def test_a_slow_cluster_delays_one_question_and_no_acknowledgement(over_http: RunningHexa) -> None:
    """While the cluster takes its time, other threads are acknowledged at once and answered."""
    hexa, slack = over_http, over_http.slack
    slow = Fault(matches=lambda r: r.path.endswith("/namespaces/shop/pods"), delay=1.5)
    hexa.cluster.faults.add(slow)
    waiting = await slack.send_message("alice", "ops", "<@BOT> pods in shop")
    other = await slack.send_message("alice", "ops", "<@BOT> deployments in shop")
    await slack.wait_for_message("ops", other.ts)
    assert slack.messages("ops", waiting.ts, bot=True) == []
    late = await slack.wait_for_message("ops", waiting.ts, timeout=10)
    await hexa.quiet()

    assert "CrashLoopBackOff" in late.plain_text()
    assert max(attempt.elapsed for attempt in slack.attempts) < 1.0


async def test_text_of_any_kind_gets_an_answer(over_http: RunningHexa) -> None:
    """Emoji, mentions of others, very long text, markup: no message breaks its thread."""
    hexa, slack = over_http, over_http.slack
    hostile = [
        "", "\u202edrowssap", "scale " + "web " * 3000, "`" * 50 + " <!channel>", "scale web to \uff15 in shop",
        "'unclosed quote", "\x00\x07", "help\nhelp", "<https://example.com|scale> web to 5 *in* _shop_",
    ]  # fmt: skip
    thread = await slack.send_message("alice", "ops", "<@BOT> help")
    for text in hostile:
        await slack.send_message("alice", "ops", f"<@BOT> {text}", thread=thread)
    await hexa.quiet(timeout=20)

    answers = slack.messages("ops", thread.ts, bot=True)
    assert len(answers) == len(hostile) + 1, slack.transcript()[-2000:]
    assert not [one for one in answers if "<!channel>" in one.plain_text() or "gave up" in one.plain_text()]
    assert not slack.refusals
    assert hexa.changes == []
