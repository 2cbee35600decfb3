"""Traces through the OpenTelemetry API alone: without an SDK in the process every call here costs next to nothing.

A run outlives its request, so its trace context is a column of the run: *inject* gives the value to store, and each
advance of the run opens a trace of its own with *link* to it. Attributes are identifiers and names; an exception marks
the span with its type only, because messages may quote what people and clusters wrote.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
_INSTRUMENTATION = "hexa"

Attributes = Mapping[str, str | int | float | bool]


class span(AbstractContextManager[trace.Span]):  # noqa: N801 -- used like a function
    """``with span("aiops.step", {"step.id": "scale"}):`` A *link* starts a new trace that refers to another."""

    def __init__(self, name: str, attributes: Attributes | None = None, *, link: str = "") -> None:
        self._name, self._attributes, self._link = name, dict(attributes or {}), link

    def __enter__(self) -> trace.Span:
        tracer = trace.get_tracer(_INSTRUMENTATION)
        if self._link:
            linked = trace.get_current_span(_extract(self._link)).get_span_context()
            links = [trace.Link(linked)] if linked.is_valid else []
            self._span = tracer.start_span(self._name, contexts.Context(), attributes=self._attributes, links=links)
        else:
            self._span = tracer.start_span(self._name, attributes=self._attributes)
        self._token = contexts.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        contexts.detach(self._token)
        if kind is not None:
            self._span.set_status(trace.StatusCode.ERROR, kind.__name__)
        self._span.end()


class attach(AbstractContextManager[None]):  # noqa: N801 -- used like a function
    """Continue the trace of a stored or received *traceparent*; an empty or malformed one changes nothing."""

    def __init__(self, traceparent: str) -> None:
        self._traceparent = traceparent

    def __enter__(self) -> None:
        self._token = contexts.attach(_extract(self._traceparent))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        contexts.detach(self._token)


def inject() -> str:
    """The traceparent of the current span, or an empty string outside of any trace."""
    return headers().get("traceparent", "")


def headers() -> dict[str, str]:
    """What to send along with an HTTP request; empty outside of any trace."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier


def identifiers() -> dict[str, str]:
    """trace_id and span_id for a log line; empty outside of any trace."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(current.trace_id), "span_id": trace.format_span_id(current.span_id)}


def event(name: str, attributes: Attributes) -> None:
    """Something that happened within the current span."""
    trace.get_current_span().add_event(name, dict(attributes))


def _extract(traceparent: str) -> contexts.Context:
    return _PROPAGATOR.extract({"traceparent": traceparent})
