import io
import json
import logging as stdlib

import pytest

from observability import logging, tracing


@pytest.fixture
def lines():
    """Logging as configured for a server, with a redaction that masks the word hunter2."""
    root, stream = stdlib.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level

    def redact(value):
        return json.loads(json.dumps(value, default=str).replace("hunter2", "[redacted:test]"))

    logging.configure(redact=redact, console=False, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_object_with_its_logger_level_and_time(lines):
    """What a log collector needs."""
    logging.logger("aiops.chat").info("answered", reply="ok")

    (line,) = lines()
    assert {"event": "answered", "reply": "ok", "logger": "aiops.chat", "level": "info"}.items() <= line.items()
    assert line["timestamp"].endswith("Z")


def test_identifiers_bound_around_some_work_appear_in_its_lines_alone(lines):
    """Request, session and run can be followed through all loggers."""
    with logging.context(request_id="r1", session_id="s1", run_id=""):
        logging.logger("aiops.k8s").info("inside")
        stdlib.getLogger("aiops.slack").warning("from the standard library")
        assert (logging.bound("request_id"), logging.bound("run_id")) == ("r1", "")
    logging.logger("aiops.k8s").info("outside")

    inside, foreign, outside = lines()
    assert (inside["request_id"], foreign["request_id"], foreign["session_id"]) == ("r1", "r1", "s1")
    assert "run_id" not in inside
    assert "request_id" not in outside


def test_every_part_of_a_line_is_redacted(lines):
    """Event, values, arguments of the standard library, and what an exception says."""
    log = logging.logger("aiops.chat")
    log.info("password hunter2", nested={"deep": ["hunter2"]})
    stdlib.getLogger("aiops.slack").warning("got %s", "hunter2", extra={"more": "hunter2"})
    try:
        int("hunter2")
    except ValueError:
        log.exception("failed")

    assert len(lines()) == 3
    assert "hunter2" not in json.dumps(lines())
    assert "ValueError: invalid literal for int() with base 10: '[redacted:test]'" in lines()[2]["exception"]


def test_libraries_speak_up_from_warning_on(lines):
    """Slack's and aiohttp's chatter stays out."""
    for name in ("slack_bolt.App", "slack_sdk.socket_mode", "aiohttp.access"):
        stdlib.getLogger(name).info("chatter")
        stdlib.getLogger(name).warning("trouble")

    assert [line["event"] for line in lines()] == ["trouble"] * 3


def test_a_line_within_a_trace_names_it(lines):
    """Logs and traces can be joined."""
    with tracing.attach("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        logging.logger("aiops.chat").info("traced")

    assert lines()[0]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_a_record_that_cannot_be_written_is_not_printed_raw(capsys):
    """Neither the record nor its arguments reach stderr past the redaction."""
    root, stream = stdlib.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level

    def broken(_):
        raise RuntimeError("broken")

    try:
        logging.configure(redact=broken, console=False, stream=stream)
        stdlib.getLogger("aiops.chat").warning("secret %s", "hunter2")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    assert stream.getvalue() == logging.UNLOGGABLE
    assert "hunter2" not in capsys.readouterr().err


def test_control_characters_become_visible_on_a_terminal():
    """A value from a cluster cannot move the cursor or recolour the screen."""
    root, stream = stdlib.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    try:
        logging.configure(redact=lambda value: value, console=True, stream=stream)
        logging.logger("aiops.chat").info("read", value="\x1b[2Jgone\rover")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    assert "\\x1b[2Jgone\\rover" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()
