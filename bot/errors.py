"""What can go wrong between Hexa and Slack.

SlackError
├── SlackRefused          Slack answered and said no; nothing happened
└── SlackUnavailable      no usable answer now; try again later
    └── SlackRateLimited  Slack asked to wait; nothing happened
"""

#: A Slack-compatible server without this method; Slack itself never answers so.
UNKNOWN_METHOD = "unknown_method"


class SlackError(Exception):
    """A call to Slack did not succeed."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.method = method
        self.code = code


class SlackRefused(SlackError):  # noqa: N818 -- an answer of Slack, handled by code like one
    """Slack refused the call."""


class SlackUnavailable(SlackError):  # noqa: N818 -- same
    """Slack cannot be reached or has trouble.

    *applied* tells that the call may have been carried out although its answer was lost.
    """

    def __init__(self, method: str, code: str, *, applied: bool = False) -> None:
        super().__init__(method, code)
        self.applied = applied


class SlackRateLimited(SlackUnavailable):
    """Slack asked to slow down."""

    def __init__(self, method: str, retry_after: float) -> None:
        super().__init__(method, f"ratelimited for {retry_after:g} s")
        self.retry_after = retry_after


class ResponseUrlExpired(Exception):  # noqa: N818 -- a signal between two modules
    """The response_url of a command or click no longer works."""
