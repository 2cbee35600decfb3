"""Questions are answered at once, from the cluster, without an approval; over both transports."""

import json

from tests.fixtures.running import RunningHexa


async def test_every_question_has_its_answer(hexa: RunningHexa) -> None:
    """Status, pods, deployments, logs, events, help, whoami: by the person's own permissions, audited."""
    slack = hexa.slack
    asked = {
        "help": ["scale", "logs"],
        "help scale": ["change the number of replicas (needs approval)"],
        "whoami": ["alice", "deployments.scale:*"],
        "status web in shop": ["web in shop is healthy", "3 of 3"],
        "status checkout in shop": ["checkout", "0 of"],
        "pods in shop": ["CrashLoopBackOff", "Running"],
        "deployments in shop": ["checkout", "api", "web"],
        "show me the pods in the shop namespace please": ["CrashLoopBackOff"],
        "events in shop": ["BackOff"],
        "logs checkout in shop --previous --lines 5": ["ERROR cannot connect to database", "5 lines"],
    }
    for text, wanted in asked.items():
        sent = await slack.send_message("alice", "ops", f"<@BOT> {text}")
        answer = (await slack.wait_for_message("ops", sent.ts)).plain_text()
        assert all(one in answer for one in wanted), (text, answer)
    await hexa.quiet()

    assert len(slack.messages("ops", bot=True)) == len(asked)
    assert slack.find_buttons("approval.approve") == []
    assert hexa.changes == []
    granted = await hexa.events("authorization_granted")
    assert {one["action"] for one in granted} >= {"get_pods", "get_deployment_status", "get_logs", "get_events"}
    assert {one["actor"] for one in granted} == {"alice"}


async def test_a_viewer_may_read(over_http: RunningHexa) -> None:
    """Carol sees pods and logs; help does not offer her what she may not do."""
    slack, carol = over_http.slack, over_http.slack.people.carol
    await slack.send_dm(carol, "pods in shop")
    pods = await slack.wait_for_message(carol)
    sent = await slack.send_dm(carol, "help")
    told = await slack.wait_for_message(carol, sent.ts)

    assert "CrashLoopBackOff" in pods.plain_text()
    assert "scale" not in told.plain_text()


async def test_a_question_about_the_place_of_the_thread_needs_no_place(over_http: RunningHexa) -> None:
    """The thread remembers the namespace for reading; another thread does not."""
    slack = over_http.slack
    first = await slack.send_message("alice", "ops", "<@BOT> pods in shop")
    await slack.wait_for_message("ops", first.ts)
    await slack.send_message("alice", "ops", "events", thread=first)
    await slack.wait_until(lambda double: len(double.messages("ops", first.ts, bot=True)) == 2)
    other = await slack.send_message("alice", "ops", "<@BOT> events")
    asked_back = await slack.wait_for_message("ops", other.ts)
    await over_http.quiet()

    assert "`shop`" in slack.messages("ops", first.ts, bot=True)[1].plain_text()
    assert "In which namespace?" in asked_back.plain_text()


async def test_talk_in_a_channel_that_is_not_for_hexa_is_left_alone(over_http: RunningHexa) -> None:
    """No mention and no thread of ours: not answered, not kept."""
    slack = over_http.slack
    root = await slack.send_message("alice", "ops", "lunch?")
    await slack.send_message("bob", "ops", "scale web to 5 in shop", thread=root)
    await over_http.quiet()

    assert slack.messages(bot=True) == []
    assert await over_http.events() == []


async def test_a_secret_somebody_pastes_is_not_repeated_or_kept(over_http: RunningHexa) -> None:
    """Neither in the answer that quotes what was not understood, nor in the audit trail, nor in the history."""
    slack, secret = over_http.slack, "ghp_" + "a1B2" * 9
    await slack.send_dm("alice", f"pods {secret} extra in shop")
    answer = await slack.wait_for_message(slack.people.alice)
    await over_http.quiet()
    sent = slack.messages(slack.people.alice)[0]
    session = await over_http.core.stores.sessions.find(surface="slack", key=f"T000HEXA:{sent.channel}:{sent.ts}")
    assert session is not None
    history = await over_http.core.stores.sessions.history(session.id, limit=10)

    assert secret not in answer.plain_text()
    assert secret not in json.dumps([dict(one) for one in await over_http.events()])
    assert history
    assert secret not in repr(history)


async def test_a_command_where_the_bot_is_not_a_member_is_answered_to_the_asker(over_http: RunningHexa) -> None:
    """Through the command's own address; the channel does not see it."""
    slack = over_http.slack
    slack.add_channel("random", slack.people.alice)
    await slack.send_command("alice", "random", "pods in shop")
    told = await slack.wait_for_ephemeral("alice")
    await over_http.quiet()

    assert "CrashLoopBackOff" in told.plain_text()
    assert slack.messages("random", bot=True) == []
