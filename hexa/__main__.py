"""``hexa`` and ``python -m hexa``."""

import sys
from contextlib import AbstractContextManager
from types import TracebackType


class Expected(AbstractContextManager[None]):
    """Ends the process with one line on stderr and an exit code when an error is one that Hexa explains.

    Whatever else goes wrong keeps its trace: hiding it would help nobody.
    """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        from hexa.cli.errors import explained

        found = explained(error) if error is not None else None
        if found is None:
            return
        from hexa import terminal

        text = terminal.visible(f"Error: {found}", keep="\n")
        terminal.console(stderr=True).print(text, soft_wrap=True)
        sys.exit(found.code)


def main() -> None:
    """Run the command line."""
    with Expected():
        from hexa.cli.app import app

        app()


if __name__ == "__main__":
    main()
