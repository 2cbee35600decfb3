"""What the Slack adapter has to be told; composed from the environment and hexa.yaml by the composition root.

Secrets have no default and never appear in the representation. Which workspace a request belongs to is decided
here and nowhere else: the channel's binding, else the team's, else the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

API_URL = "https://slack.com/api/"


def api_base(url: str) -> str:
    """*url* as the base the SDK appends method names to, given with or without ``/api`` and a final slash."""
    base = (url.strip() or API_URL).rstrip("/")
    return f"{base}/" if base.endswith("/api") else f"{base}/api/"


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """Connection to one Slack workspace (a team, in Slack's words)."""

    bot_token: str = field(repr=False)
    """``xoxb-...``: everything Hexa does in Slack."""

    signing_secrets: tuple[str, ...] = field(default=(), repr=False)
    """One secret, or two while it is being rotated. Empty only with Socket Mode."""

    app_token: str = field(default="", repr=False)
    """``xapp-...`` with ``connections:write``: switches to Socket Mode."""

    api_url: str = API_URL
    """Base of Slack's Web API; replaced in tests, by proxies and by the double."""

    teams: frozenset[str] = frozenset()
    """Team ids requests are accepted from. Empty: the one team the bot token belongs to."""

    default_workspace: str = "default"
    """Workspace of requests from channels and teams without a binding."""

    workspaces_by_channel: Mapping[str, str] = field(default_factory=dict)
    """Slack channel id -> workspace."""

    workspaces_by_team: Mapping[str, str] = field(default_factory=dict)
    """Slack team id -> workspace."""

    approvals_channels: Mapping[str, str] = field(default_factory=dict)
    """Workspace -> channel id where cards go when approvers cannot read the requester's thread."""

    call_timeout: float = 10.0
    """Seconds for one Web API call; Slack answers in well under one, so ten means it is in trouble."""

    def __post_init__(self) -> None:
        if not self.signing_secrets and not self.app_token:
            raise ValueError("Slack over HTTP needs SLACK_SIGNING_SECRET; Socket Mode needs SLACK_APP_TOKEN.")
        if any(not secret for secret in self.signing_secrets):
            raise ValueError("SLACK_SIGNING_SECRET is empty; copy it from Basic Information of the Slack app.")

    @property
    def base_url(self) -> str:
        return api_base(self.api_url)

    def workspace(self, *, team: str, channel: str) -> str:
        by_team = self.workspaces_by_team.get(team, self.default_workspace)
        return self.workspaces_by_channel.get(channel, by_team)
