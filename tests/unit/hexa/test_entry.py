import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hexa.cli.app import app
from hexa.cli.errors import CommandError, explained

ROOT = Path(__file__).parents[3]


def hexa(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "hexa", *arguments], cwd=cwd, capture_output=True, check=False, text=True, timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": "", **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "line"),
    [
        (["ask", "help"], {"HEXA_PORT": "many"}, 3, "HEXA_PORT: "),
        (["ask", "help"], {"HEXA_CONFIG": "missing.yaml"}, 4, "Start one: hexa demo, or hexa run."),
        (["run"], {"HEXA_CONFIG": "missing.yaml"}, 3, "there is no such file"),
        (["audit", "verify"], {}, 3, "There is no audit key"),
        (["ask"], {}, 2, "Missing argument"),
        (["asq"], {}, 2, "No such command"),
        (["approvals", "approve"], {}, 2, "Missing argument"),
    ],
)
def test_an_expected_error_is_told_in_words_with_its_exit_code(tmp_path, arguments, environment, code, line):
    """Never a trace."""
    ended = hexa(*arguments, cwd=tmp_path, **environment)

    assert (ended.returncode, ended.stdout) == (code, "")
    assert line in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_invalid_configuration_prints_all_its_problems(tmp_path):
    """File, line and key of each."""
    (tmp_path / "hexa.yaml").write_text("cluster: []\nclusters: [{name: a}, {name: a, in_cluster: true}]\n")

    ended = hexa("run", cwd=tmp_path)

    assert ended.returncode == 3
    assert ended.stderr.splitlines() == [
        "Error: The configuration has 3 problems:",
        "  hexa.yaml:1: cluster: is not a known key. Fix: did you mean “clusters”?",
        "  hexa.yaml:2: clusters[0]: says neither kubeconfig nor in_cluster. Fix: add kubeconfig: PATH or in_cluster: "
        "true, or set KUBECONFIG.",
        "  hexa.yaml:2: clusters[1].name: the cluster name “a” is used twice (first on line 2). Fix: give each its own "
        "cluster name.",
    ]  # fmt: skip


def test_help_imports_nothing_heavy():
    """`hexa --help` answers at once."""
    code = (
        "import sys; from typer.testing import CliRunner; from hexa.cli.app import app; "
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0; "
        "print([m for m in ('aiohttp','httpx2','sqlalchemy','pydantic','structlog','slack_sdk','kubernetes_asyncio') if m in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False, text=True, timeout=60
    )

    assert ended.stdout.strip() == "[]", ended.stderr


def test_the_manifest_and_the_version_are_printed():
    """As they are in the repository."""
    assert CliRunner().invoke(app, ["manifest"]).output == (ROOT / "manifest.yml").read_text()
    assert CliRunner().invoke(app, ["version"]).output.startswith("hexa ")


def test_an_error_nobody_expected_keeps_its_trace():
    """Hiding it would help nobody."""
    assert explained(ZeroDivisionError()) is None
    assert explained(CommandError("x", code=4)).code == 4
    assert explained(PermissionError(13, "Permission denied", "file")).code == 4
