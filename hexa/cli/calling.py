"""How a reader can call this program again: commands that are shown must work when they are copied."""

import os
import sys
from pathlib import Path


def command() -> str:
    """How this program is called from the shell it was started in."""
    script = Path(sys.executable).with_name("hexa")
    if not script.exists():
        return f"{shown(Path(sys.executable))} -m hexa"
    return "hexa" if str(script.parent) in os.get_exec_path() else shown(script)


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
