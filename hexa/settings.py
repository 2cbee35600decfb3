"""The environment, read once and nowhere else. Empty means unset; surrounding white space is dropped.

Secrets have no default and never appear in a representation or an error. What people, clusters and rules are is the
business of hexa.yaml (hexa.configuration), not of the environment. Reading some twenty variables takes ten lines;
pydantic-settings would add 0.17 s to the start of every command, so a plain model is used.
"""

from collections.abc import Mapping
from os import environ
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

HIGHEST_PORT = 65535
PREFIX = "HEXA_"


class SettingsError(Exception):
    """The environment has settings that cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The environment cannot be used:\n" + "\n".join(f"  {one}" for one in problems))
        self.problems = tuple(problems)


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8081")
    return value


def _url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value


Address = Annotated[str, AfterValidator(_address)]
Url = Annotated[str, AfterValidator(_url)]
FilePath = Annotated[Path, BeforeValidator(lambda value: Path(value).expanduser())]


class Settings(BaseModel):
    """One field per variable; the reference is docs/reference/configuration.md."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    slack_bot_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_client_id: str | None = None
    slack_client_secret: SecretStr | None = None
    slack_api_url: Url | None = None

    config: FilePath | None = None
    data_dir: FilePath = Path(".hexa")
    database_url: SecretStr | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=HIGHEST_PORT)] = 8080
    controlplane_url: Url | None = None
    controlplane_listen: Address = "127.0.0.1:8081"
    controlplane_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    audit_key: SecretStr | None = None

    kubeconfig: FilePath | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: Url | None = None
    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: Url | None = None
    ollama_host: str | None = None

    @property
    def controlplane_address(self) -> tuple[str, int]:
        host, _, port = self.controlplane_listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def slack_configured(self) -> bool:
        return self.slack_bot_token is not None

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """One secret, or two separated by a comma while it is being rotated."""
        value = self.slack_signing_secret.get_secret_value() if self.slack_signing_secret else ""
        return tuple(one.strip() for one in value.split(",") if one.strip())

    @property
    def on_postgresql(self) -> bool:
        url = self.database_url.get_secret_value() if self.database_url else ""
        return url.startswith(("postgres:", "postgresql:", "postgresql+"))


OURS = frozenset({"config", "data_dir", "database_url", "host", "port", "controlplane_url", "controlplane_listen",
                  "controlplane_key", "secret_key", "audit_key"})  # fmt: skip
VARIABLES: Mapping[str, str] = {
    (PREFIX + name.upper() if name in OURS else name.upper()): name for name in Settings.model_fields
}


def load(variables: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process; raises SettingsError with every problem at once."""
    source = environ if variables is None else variables
    given = {name: source[variable].strip() for variable, name in VARIABLES.items() if source.get(variable, "").strip()}
    names = {name: variable for variable, name in VARIABLES.items()}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(
            [f"{names[str(one['loc'][0])]}: {_cause(one['msg'])}" for one in error.errors(include_input=False)]
        ) from None  # the cause quotes values
    if problems := _contradictions(settings):
        raise SettingsError(problems)
    return settings


def _cause(message: str) -> str:
    return message.removeprefix("Value error, ")


def _contradictions(settings: Settings) -> list[str]:
    problems = []
    if settings.slack_configured and not settings.slack_app_token and not settings.signing_secrets:
        problems.append(
            "SLACK_BOT_TOKEN is set, but neither SLACK_SIGNING_SECRET (HTTP) nor SLACK_APP_TOKEN (Socket Mode) is; "
            "copy one of them from the Slack app's settings"
        )
    if bool(settings.slack_client_id) != bool(settings.slack_client_secret):
        problems.append("SLACK_CLIENT_ID and SLACK_CLIENT_SECRET belong together; set both or neither")
    return problems
