import pytest
from opentelemetry import trace

from observability import tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_outside_of_any_trace_there_is_nothing_to_store():
    """The column of a run stays empty."""
    assert tracing.inject() == ""
    assert tracing.identifiers() == {}


def test_a_stored_trace_is_continued():
    """What inject gave, attach takes; afterwards the context is what it was."""
    with tracing.attach(PARENT):
        assert tracing.inject() == PARENT
        with tracing.span("aiops.step", {"step.id": "scale"}):
            assert tracing.headers()["traceparent"].split("-")[1] == PARENT.split("-")[1]

    assert tracing.inject() == ""


@pytest.mark.parametrize("broken", ["", "00-zz", "x" * 5000, "00-00000000000000000000000000000000-0000000000000000-01"])
def test_a_broken_traceparent_changes_nothing(broken):
    """It came from a database or a header, so it may be anything."""
    with tracing.attach(broken), tracing.span("aiops.step", link=broken):
        assert tracing.inject() == ""


class RecordingTracer(trace.NoOpTracer):
    def __init__(self):
        self.spans = []

    def start_span(self, name, context=None, *args, attributes=None, links=(), **kwargs):
        span = RecordingSpan(name, attributes, links, trace.get_current_span(context).get_span_context())
        self.spans.append(span)
        return span


class RecordingSpan(trace.NonRecordingSpan):
    def __init__(self, name, attributes, links, parent):
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name, self.attributes, self.links, self.parent, self.ended, self.status = (
            name,
            attributes,
            links,
            parent,
            0,
            None,
        )

    def set_status(self, status, description=None):
        self.status = (status, description)

    def end(self, end_time=None):
        self.ended += 1


@pytest.fixture
def tracer(monkeypatch):
    recording = RecordingTracer()
    monkeypatch.setattr(trace, "get_tracer", lambda *_: recording)
    return recording


def test_a_linked_span_opens_a_trace_of_its_own(tracer):
    """An advance of a run refers to the request it came from without living in its trace."""
    now = "00-11111111111111111111111111111111-1111111111111111-01"
    with tracing.attach(now), tracing.span("aiops.workflow.scale_application", link=PARENT):
        pass

    (span,) = tracer.spans
    assert not span.parent.is_valid
    assert trace.format_trace_id(span.links[0].context.trace_id) == PARENT.split("-")[1]


def test_a_failure_marks_the_span_with_its_type_alone(tracer):
    """Messages quote people and clusters, and telemetry carries neither."""
    with pytest.raises(ValueError, match="hunter2"), tracing.span("aiops.step"):
        raise ValueError("password hunter2")

    (span,) = tracer.spans
    assert span.status == (trace.StatusCode.ERROR, "ValueError")
    assert span.ended == 1
