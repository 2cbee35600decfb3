"""The Slack app's manifest, as it lies beside the packages."""

from pathlib import Path

from hexa.cli.errors import CONFIGURATION, CommandError


def text() -> str:
    path = Path(__file__).parents[2] / "manifest.yml"
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}.", code=CONFIGURATION) from error
