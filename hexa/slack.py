"""Slack around a core: settings from environment and hexa.yaml, and where the surface is plugged in."""

from collections.abc import Callable

from bot.service import SlackService
from bot.settings import API_URL, SlackSettings
from hexa import bootstrap
from hexa.configuration import Configuration
from hexa.measuring import CountedInbox
from hexa.settings import Settings
from security.sealing import Seal


def surface(core: bootstrap.Core, checkpoint: Callable[[str], None]) -> SlackService:
    """The Slack surface of a core, added to its places, turns and readiness checks; the caller starts it."""
    seal = Seal(core.keys.secret, "slack")
    service = SlackService(
        _settings(core.settings, core.configuration),
        inbox=CountedInbox(core.stores.inbox, core.metrics, clock=core.clock),
        messages=core.stores.messages,
        runs=core.stores.runs,
        sessions=core.stores.sessions,
        bindings=core.stores.bindings,
        conversation=core.conversation,
        decisions=core.decisions,
        dispatcher=core.dispatcher,
        changed=core.messages_changed(),
        clock=core.clock,
        audit_log=core.stores.audit,
        seal=seal.close,
        unseal=seal.open,
        checkpoint=checkpoint,
        counted=lambda method, outcome: core.metrics.slack_call(method=method, outcome=outcome),
    )
    core.parts.places.surfaces.append(service.placing)
    core.parts.turns.surfaces["slack"] = service.turn

    async def check() -> str | None:
        return "; ".join((await service.readiness()).values()) or None

    core.checks.add("slack", check)
    return service


def _settings(settings: Settings, configuration: Configuration) -> SlackSettings:
    return SlackSettings(
        bot_token=settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else "",
        signing_secrets=settings.signing_secrets,
        app_token=settings.slack_app_token.get_secret_value() if settings.slack_app_token else "",
        api_url=settings.slack_api_url or API_URL,
        teams=frozenset(configuration.slack.teams),
        default_workspace=configuration.default_workspace,
        workspaces_by_channel=configuration.slack.channels,
        workspaces_by_team=configuration.slack.teams,
        approvals_channels={one.id: one.approvals_channel for one in configuration.workspaces if one.approvals_channel},
    )
