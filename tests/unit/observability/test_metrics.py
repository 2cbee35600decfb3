from observability.metrics import MOST_VALUES, Metrics


def test_an_execution_counts_with_its_agent_action_success_and_workspace():
    """The names of the specification, with underscores."""
    metrics = Metrics()
    metrics.agent_execution(agent="k8s", action="get_pods", success=True, workspace="demo", duration=0.2)
    metrics.agent_execution(agent="k8s", action="get_pods", success=False, workspace="demo", duration=0.2)

    labels = {"agent": "k8s", "action": "get_pods", "workspace": "demo"}
    assert metrics.value("aiops_agent_executions_total", **labels, success="true") == 1
    assert metrics.value("aiops_agent_executions_total", **labels, success="false") == 1
    assert metrics.value("aiops_agent_errors_total", **labels) == 1
    assert metrics.value("aiops_agent_execution_duration_seconds_count", **labels) == 2


def test_a_label_keeps_a_hundred_values_and_calls_the_rest_other():
    """Nobody fills the memory of the monitoring by inventing workspaces or actions."""
    metrics = Metrics()
    for number in range(MOST_VALUES + 50):
        metrics.approval(decision="approved", workspace=f"w{number}")
    metrics.approval(decision="approved", workspace="w0")

    assert metrics.value("aiops_approvals_total", decision="approved", workspace="w0") == 2
    assert metrics.value("aiops_approvals_total", decision="approved", workspace="other") == 50


def test_inbox_and_slack_are_counted():
    """Accepted, lag, finished, acknowledged; calls by method and outcome."""
    metrics = Metrics()
    metrics.inbox_accepted(kind="message", outcome="new")
    metrics.inbox_started(kind="message", lag=-1)
    metrics.inbox_finished(kind="message", outcome="done")
    metrics.acknowledged(duration=0.01)
    metrics.slack_call(method="chat.postMessage", outcome="ok")

    assert metrics.value("aiops_inbox_accepted_total", kind="message", outcome="new") == 1
    assert metrics.value("aiops_inbox_lag_seconds_sum", kind="message") == 0
    assert metrics.value("aiops_inbox_finished_total", kind="message", outcome="done") == 1
    assert metrics.value("aiops_inbox_acknowledgement_seconds_count") == 1
    assert metrics.value("aiops_slack_calls_total", method="chat.postMessage", outcome="ok") == 1


def test_two_processes_in_one_have_their_own_figures():
    """There is no global registry, so tests and embedded servers do not mix."""
    first, second = Metrics(), Metrics()
    first.acknowledged(duration=1)

    text, kind = second.exposition()
    assert b"aiops_inbox_acknowledgement_seconds_count 0.0" in text
    assert kind.startswith("text/plain")
