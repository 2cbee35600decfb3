"""Settings of the Slack adapter."""

import pytest

from bot.settings import SlackSettings, api_base


@pytest.mark.parametrize(
    "given",
    ["http://127.0.0.1:9", "http://127.0.0.1:9/", "http://127.0.0.1:9/api", "http://127.0.0.1:9/api/"],
)
def test_the_api_base_may_be_written_in_any_way(given):
    """With or without /api, with or without a slash."""
    assert api_base(given) == "http://127.0.0.1:9/api/"


def test_an_empty_api_base_is_slack_itself():
    """Empty means unset."""
    assert api_base("") == "https://slack.com/api/"


def test_secrets_are_not_in_the_representation():
    """A settings object ends up in a log sooner or later."""
    shown = repr(SlackSettings(bot_token="xoxb-1", signing_secrets=("s3cret",), app_token="xapp-1"))

    assert not any(secret in shown for secret in ("xoxb-1", "s3cret", "xapp-1"))


def test_http_without_a_signing_secret_is_refused():
    """Requests could not be verified."""
    with pytest.raises(ValueError, match="SLACK_SIGNING_SECRET"):
        SlackSettings(bot_token="xoxb-1")


def test_the_channel_decides_the_workspace_before_the_team():
    """Then the default."""
    settings = SlackSettings(
        bot_token="t",
        app_token="a",
        default_workspace="d",
        workspaces_by_channel={"C1": "c"},
        workspaces_by_team={"T1": "t"},
    )

    assert [settings.workspace(team=team, channel=channel) for team, channel in (("T1", "C1"), ("T1", "C2"), ("T2", "C2"))] == [
        "c", "t", "d",
    ]  # fmt: skip
