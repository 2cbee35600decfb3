"""Errors survive the journey over HTTP, and what is no problem document is judged by its status alone."""

import pytest

from controlplane.contract import errors, problems


def travelled(error: errors.ControlPlaneError) -> errors.ControlPlaneError:
    document = problems.document(error)
    return problems.error_of(document["status"], document)


@pytest.mark.parametrize("kind", [row.error for row in problems.TABLE])
def test_every_error_arrives_as_what_it_was(kind: type[errors.ControlPlaneError]) -> None:
    """Its class, its words, its details, and what is known of the mutation."""
    for happened in (False, None):
        error = kind("because", details={"did_you_mean": ["a"]})
        error.happened = happened

        arrived = travelled(error)

        assert type(arrived) is kind
        assert (str(arrived), arrived.details, arrived.happened) == ("because", {"did_you_mean": ["a"]}, happened)


def test_the_table_has_every_error_of_the_contract() -> None:
    """A new one must be given a status and a code; NetworkError is what the client says when there is no answer."""
    kinds = {
        one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ControlPlaneError)
    }

    assert {row.error for row in problems.TABLE} == kinds - {errors.NetworkError}


def test_how_long_to_wait_arrives() -> None:
    """In the document, else in the header, else a second."""
    arrived = travelled(errors.RateLimitError(retry_after=12.5))
    assert isinstance(arrived, errors.RateLimitError)
    assert arrived.retry_after == 12.5
    for header, seconds in (("7", 7.0), ("soon", 1.0), ("", 1.0)):
        foreign = problems.error_of(429, None, retry_after=header)
        assert isinstance(foreign, errors.RateLimitError)
        assert foreign.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "kind", "happened"),
    [
        (302, errors.ControlPlaneError, None),
        (400, errors.InvalidRequestError, False),
        (401, errors.AuthenticationError, False),
        (403, errors.PermissionDeniedError, False),
        (404, errors.NotFoundError, False),
        (408, errors.OperationTimeoutError, None),
        (409, errors.ConflictError, None),
        (418, errors.ControlPlaneError, False),
        (429, errors.RateLimitError, False),
        (500, errors.ControlPlaneError, None),
        (502, errors.ClusterUnavailableError, None),
        (503, errors.ClusterUnavailableError, None),
        (504, errors.OperationTimeoutError, None),
    ],
)
@pytest.mark.parametrize("plain", [None, [], "<html>", {"detail": 7}, {"error": "x"}])
def test_what_is_no_problem_document_is_judged_by_its_status(
    status: int, kind: type[errors.ControlPlaneError], happened: bool | None, plain: object
) -> None:
    """And its text is not passed on."""
    error = problems.error_of(status, plain)

    assert type(error) is kind
    assert error.happened is happened
    assert "html" not in str(error)


def test_a_document_cannot_claim_that_something_happened() -> None:
    """Known not to have happened, or unknown; an error is never a success."""
    plain = {**problems.document(errors.ConflictError()), "happened": True}

    assert problems.error_of(409, plain).happened is False
