"""What can be configured or typed is documented, and what is documented can be."""

import re
from pathlib import Path

from typer.main import get_command

from hexa import loading
from hexa.cli.app import app
from hexa.settings import VARIABLES, Settings

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
CONFIGURATION = (REFERENCE / "configuration.md").read_text()
COMMANDS = (REFERENCE / "commands.md").read_text()


def documented(section):
    """First cells of the table rows of a section."""
    text = CONFIGURATION.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"(?m)^\| `([^`]+)` \|", text))


def examples():
    return re.findall(r"(?s)```yaml\n(.*?)```", CONFIGURATION)


def test_every_variable_of_the_environment_is_documented_and_nothing_else():
    """The table is the truth about what is read."""
    assert documented("The environment") == set(VARIABLES)


def test_every_default_in_the_table_is_the_default():
    """What the table promises holds."""
    rows = dict(
        re.findall(r"(?m)^\| `(HEXA_(?:HOST|PORT|DATA_DIR|CONTROLPLANE_LISTEN))` \| `([^`]+)` \|", CONFIGURATION)
    )
    settings = Settings()

    assert {name: str(getattr(settings, VARIABLES[name])) for name in rows} == rows
    assert len(rows) == 4


def test_every_key_of_the_configuration_is_documented_and_nothing_else():
    """The models and the table name the same keys."""
    assert documented("hexa.yaml") == set(loading.keys())


def test_the_complete_example_is_valid_and_uses_every_key(tmp_path):
    """It can be copied; a key nobody shows is a key nobody finds."""
    configuration = loading.parse(examples()[0].encode(), path=tmp_path / "hexa.yaml", data_dir=tmp_path)
    used = set()

    def walk(value, path):
        if isinstance(value, dict):
            for key, inner in value.items():
                used.add(f"{path}.{key}".removeprefix("."))
                walk(inner, f"{path}.{key}".removeprefix("."))
        if isinstance(value, list | tuple):
            for inner in value:
                walk(inner, f"{path}[]")

    walk(configuration.file.model_dump(exclude_unset=True), "")
    assert set(loading.keys()) - used == {"llm", "retention"}


def test_the_shipped_policies_are_as_documented(tmp_path):
    """The second example is what holds without a policies section."""
    minimal = b"clusters: [{name: c, in_cluster: true}]\n"
    written = loading.parse(minimal + examples()[1].encode(), path=tmp_path / "hexa.yaml", data_dir=tmp_path)
    unwritten = loading.parse(minimal, path=tmp_path / "hexa.yaml", data_dir=tmp_path)

    assert written.policy_set().version == unwritten.policy_set().version


def commands(command, path="hexa"):
    for name, inner in getattr(command, "commands", {}).items():
        if getattr(inner, "commands", None):
            yield from commands(inner, f"{path} {name}")
        else:
            yield f"{path} {name}", inner


def test_every_command_and_option_is_documented_and_nothing_else():
    """One heading per command, one entry per option."""
    found = {
        path: {option for parameter in one.params for option in (*parameter.opts, *parameter.secondary_opts)
               if option.startswith("-")} - {"-h", "--help"}
        for path, one in commands(get_command(app))
    }  # fmt: skip
    sections = re.findall(r"(?ms)^### (hexa [a-z ]+[a-z])(?: [A-Z]+)?\n(.*?)(?=^##|\Z)", COMMANDS)
    written = {
        path: {option for line in re.findall(r"(?m)^- ([^:]+):", body) for option in re.findall(r"`(--?[a-z-]+)", line)}
        for path, body in sections
    }

    assert written == found
