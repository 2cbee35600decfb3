"""The import contracts hold, and each of them breaks when somebody breaks its rule.

The second half builds the folders anew, empty but for one forbidden import per contract: a contract that a typo has
made harmless stays green there, and the test fails.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import checkout

# contract id -> (module that gets the import, what it imports)
VIOLATIONS = {
    "layers": ("workflows/planner.py", "import bot"),
    "controlplane-parts": ("controlplane/client/calls.py", "import controlplane.server"),
    "agents-gateway": ("agents/gateway/router.py", "import agents.agent"),
    "acyclic": ("bot/replies.py", "import bot.app"),
    "storage-protected": ("console/pages.py", "import storage"),
    "demo-protected": ("controlplane/server/seeds.py", "import demo"),
    "demo-stands-alone": ("demo/objects.py", "import security"),
    "observability-at-the-bottom": ("observability/spans.py", "import security.subjects"),
    "controlplane-below-workflows": ("controlplane/server/plans.py", "import workflows"),
    "security-is-pure": ("security/webhook.py", "import aiohttp"),
    "home-sqlalchemy": ("workflows/rows.py", "import sqlalchemy.orm"),
    "home-slack": ("console/slack.py", "import slack_sdk"),
    "home-kubernetes": ("controlplane/server/pods.py", "import kubernetes_asyncio.client"),
    "home-jwt": ("controlplane/server/auth.py", "import jwt"),
    "home-llm": ("agents/gateway/catalogue.py", "import anthropic"),
    "home-terminal": ("workflows/printing.py", "import rich"),
}
SKELETON = ("agents/agent.py", "agents/gateway/__init__.py", "agents/gateway/providers/__init__.py", "security/subjects.py",
            "security/tokens.py", "storage/engine.py", "bot/app.py", "controlplane/server/clusters/__init__.py",
            "controlplane/client/__init__.py", "controlplane/contract/__init__.py", "controlplane/server/__init__.py")  # fmt: skip


def contracts() -> dict[str, str]:
    return {each["id"]: each["name"] for each in checkout.pyproject()["tool"]["importlinter"]["contracts"]}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "300"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False)


def verdicts(output: str) -> dict[str, str]:
    """Contract id -> KEPT or BROKEN, however the terminal wrapped the names."""
    flat = re.sub(r"\s+", " ", output)
    return {key: "BROKEN" if f"{name} BROKEN" in flat else "KEPT" if f"{name} KEPT" in flat else "MISSING"
            for key, name in contracts().items()}  # fmt: skip


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    for name in [*(f"{package}/__init__.py" for package in checkout.packages()), *SKELETON]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "pyproject.toml").write_text((checkout.ROOT / "pyproject.toml").read_text())
    return tmp_path


def test_the_code_keeps_every_import_contract():
    """lint-imports is green on the checkout."""
    result = lint_imports(checkout.ROOT)

    assert result.returncode == 0, result.stdout[-6000:] + result.stderr


def test_a_third_party_library_may_be_imported_in_its_home(skeleton):
    """The homes are released: a contract that refused them too would be switched off by the first who meets it."""
    at_home = {
        "storage/engine.py": "import sqlalchemy, aiosqlite",
        "migrations/env.py": "import alembic",
        "bot/app.py": "import slack_bolt, slack_sdk",
        "controlplane/server/clusters/kubernetes.py": "import kubernetes_asyncio",
        "security/tokens.py": "import jwt",
        "agents/gateway/providers/vendors.py": "import openai, anthropic",
        "hexa/cli.py": "import typer, rich, storage.engine, bot.app, security.tokens, demo",
    }
    for name, line in at_home.items():
        (skeleton / name).write_text(line + "\n")

    result = lint_imports(skeleton)

    assert result.returncode == 0, result.stdout[-6000:] + result.stderr


def test_every_contract_breaks_when_its_rule_is_broken(skeleton):
    """Each contract has a violation here, and finds it."""
    assert set(VIOLATIONS) == set(contracts()), "a contract without a violation in VIOLATIONS, or the reverse"
    (skeleton / "bot/app.py").write_text("import bot.replies\n")
    for name, line in VIOLATIONS.values():
        (skeleton / name).write_text(line + "\n")

    result = lint_imports(skeleton)

    found = verdicts(result.stdout)
    assert dict.fromkeys(VIOLATIONS, "BROKEN") == found, result.stdout[-6000:] + result.stderr
