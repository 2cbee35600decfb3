"""manifest.yml is one Slack accepts: within its limits, with the scopes its events need, consistent in its transport.

Limits and the events-to-scopes table are Slack's published ones; that the listeners match is tested beside the bot.
"""

from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.architecture import checkout

LIMITS = [
    ("display_information.name", 35),
    ("display_information.description", 140),
    ("features.bot_user.display_name", 80),
    ("features.agent_view.agent_description", 300),
    ("settings.event_subscriptions.request_url", 3500),
]
COUNTS = [
    ("features.slash_commands", 50),
    ("features.shortcuts", 10),
    ("features.agent_view.suggested_prompts", 4),
    ("oauth_config.redirect_urls", 1000),
    ("settings.event_subscriptions.bot_events", 100),
]
SCOPES_OF_EVENTS = {
    "agent_session_stopped": "assistant:write",
    "app_context_changed": "assistant:write",
    "app_home_opened": None,
    "app_mention": "app_mentions:read",
    "app_uninstalled": None,
    "channel_shared": "channels:read",
    "channel_unshared": "channels:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "tokens_revoked": None,
}
NEVER_REQUESTED = {
    "chat:write.public",
    "chat:write.customize",
    "links:read",
    "links:write",
    "files:read",
    "mpim:history",
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return yaml.safe_load((checkout.ROOT / "manifest.yml").read_text())


def at(tree: dict[str, Any], path: str) -> Any:
    for key in path.split("."):
        tree = tree[key]
    return tree


@pytest.mark.parametrize(("path", "limit"), LIMITS)
def test_texts_fit(manifest, path, limit):
    """Slack refuses the whole manifest for one text that is too long."""
    assert 0 < len(at(manifest, path)) <= limit, (
        f"{path} has {len(at(manifest, path))} characters, the limit is {limit}"
    )


@pytest.mark.parametrize(("path", "limit"), COUNTS)
def test_lists_fit(manifest, path, limit):
    """Slack refuses lists that are too long."""
    assert 0 < len(at(manifest, path)) <= limit, f"{path} has {len(at(manifest, path))} entries, the limit is {limit}"


def test_names_of_commands_and_shortcuts_fit(manifest):
    """A command has at most 32 characters, a shortcut 24, a callback id 255."""
    assert [each["command"] for each in manifest["features"]["slash_commands"]] == ["/hexa"]
    assert all(len(each["command"]) <= 32 for each in manifest["features"]["slash_commands"])
    assert all(
        len(each["name"]) <= 24 and len(each["callback_id"]) <= 255 for each in manifest["features"]["shortcuts"]
    )


def test_every_event_has_its_scope(manifest):
    """An event without its scope is never delivered, and nothing says so."""
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    events = manifest["settings"]["event_subscriptions"]["bot_events"]

    assert set(events) <= SCOPES_OF_EVENTS.keys(), "an event whose scope this test does not know"
    assert not {scope for event in events if (scope := SCOPES_OF_EVENTS[event])} - scopes


def test_no_more_is_asked_for_than_is_used(manifest):
    """No user scopes, nothing that looks like impersonation, nothing that reads what nobody sent to Hexa."""
    scopes = manifest["oauth_config"]["scopes"]

    assert set(scopes) == {"bot"}
    assert not NEVER_REQUESTED & set(scopes["bot"])
    assert len(set(scopes["bot"])) == len(scopes["bot"])


def test_the_transport_is_consistent(manifest):
    """HTTP: every address is given, on one host, under the path the bot listens on."""
    settings = manifest["settings"]
    addresses = [settings["event_subscriptions"]["request_url"], settings["interactivity"]["request_url"],
                 *(each["url"] for each in manifest["features"]["slash_commands"])]  # fmt: skip

    assert settings["socket_mode_enabled"] is False
    assert settings["interactivity"]["is_enabled"] is True
    assert {urlsplit(each).path for each in addresses} == {"/slack/events"}
    assert len({urlsplit(each).netloc for each in [*addresses, *manifest["oauth_config"]["redirect_urls"]]}) == 1


def test_the_surfaces_are_switched_on(manifest):
    """Home and Messages tab, an agent, no token rotation behind the operator's back."""
    features = manifest["features"]

    assert features["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }
    assert "agent_view" in features
    assert manifest["settings"]["token_rotation_enabled"] is False
