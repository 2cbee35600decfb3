"""What a monitoring system sees of the main job."""

from tests.fixtures.running import RunningHexa


async def test_requests_calls_and_agents_are_counted(over_http: RunningHexa) -> None:
    """A question that arrived twice was accepted once; each part of answering it left its count."""
    hexa, slack = over_http, over_http.slack
    sent = await slack.send_message(slack.people.alice, "ops", "<@BOT> pods in shop")
    await slack.wait_for_message(channel="ops", thread_ts=sent.ts, where=lambda one: "pods are" in one.plain_text())
    await hexa.quiet()

    value = hexa.core.metrics.value
    assert value("aiops_inbox_accepted_total", kind="message", outcome="new") == 1
    assert value("aiops_inbox_accepted_total", kind="message", outcome="duplicate") == 1
    assert value("aiops_inbox_finished_total", kind="message", outcome="done") == 1
    assert value("aiops_slack_calls_total", method="chat.postMessage", outcome="ok") == 1
    labels = {"agent": "KubernetesAgent", "action": "get_pods", "workspace": "demo"}
    assert value("aiops_agent_executions_total", success="true", **labels) == 1
