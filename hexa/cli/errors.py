"""What a command ends with: an exit code, and for expected errors one line with cause and next step.

0 done; 1 not done: refused, failed, or the audit log is broken; 2 wrong usage; 3 the configuration, environment or
data directory cannot be used; 4 no server or database could be reached; 130 interrupted.
"""

from collections.abc import Iterator

DONE, NOT_DONE, USAGE, CONFIGURATION, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130


class CommandError(Exception):
    """An expected end of a command."""

    def __init__(self, message: str, *, next_step: str = "", code: int = NOT_DONE) -> None:
        super().__init__(message)
        self.next_step, self.code = next_step, code

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.next_step}".rstrip() + ("" if self.next_step[-1:] in ("", ".", "?", "!") else ".")


def explained(error: BaseException) -> CommandError | None:
    """An error of ours as the end of a command; None for one nobody expected.

    Classes are compared by module and name of their ancestors, so that explaining an error imports nothing.
    """
    if isinstance(error, CommandError):
        return error
    for ancestor in _ancestors(error):
        if ancestor in _CODES:
            return CommandError(str(error), code=_CODES[ancestor])
    return None


_CODES = {
    "hexa.settings.SettingsError": CONFIGURATION,
    "hexa.loading.InvalidConfigurationError": CONFIGURATION,
    "hexa.keys.KeyProblemError": CONFIGURATION,
    "security.errors.ConfigurationError": CONFIGURATION,
    "security.errors.SecurityError": NOT_DONE,
    "hexa.bootstrap.ListenError": UNREACHABLE,
    "demo.errors.DemoError": CONFIGURATION,
    "storage.anchors.AnchorsDamagedError": NOT_DONE,
    "storage.errors.StorageError": UNREACHABLE,
    "controlplane.contract.errors.ControlPlaneError": UNREACHABLE,
    "builtins.OSError": UNREACHABLE,
}


def _ancestors(error: BaseException) -> Iterator[str]:
    for one in type(error).__mro__:
        yield f"{one.__module__}.{one.__qualname__}"
