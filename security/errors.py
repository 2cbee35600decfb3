"""Errors of the security layer.

SecurityError
├── TokenError          a JWT that cannot be trusted
│   └── TokenExpiredError
├── AuditUnavailableError
├── UnknownPersonError
└── ConfigurationError  a key or policy that cannot be used
"""


class SecurityError(Exception):
    """A security rule could not be evaluated, so the request was refused."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class TokenError(SecurityError):
    """The access token is not valid. Ask again; Hexa requests a new one for each step."""


class TokenExpiredError(TokenError):
    """The access token has expired. Ask again; Hexa requests a new one for each step."""


class AuditUnavailableError(SecurityError):
    """The audit log cannot be written, so nothing was done. Check the disk and the database."""


class UnknownPersonError(SecurityError):
    """Nobody with this identity is configured."""


class ConfigurationError(SecurityError):
    """A security setting cannot be used."""
