import pytest

from agents.kubernetes import KubernetesAgent
from agents.monitoring import MonitoringAgent
from agents.validation import ValidationAgent
from security.subjects import SecurityContext
from tests.fakes.operations import ScriptedOperations
from tests.fixtures.house import Recorder


@pytest.fixture
def context():
    return SecurityContext("alice", "demo", "a.b.c", ("*:*",), "session-1", "request-1")


@pytest.fixture
def operations():
    return ScriptedOperations()


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def kubernetes(operations, recorder):
    return KubernetesAgent(operations, recorder=recorder)


@pytest.fixture
def validation(operations, recorder):
    return ValidationAgent(operations, recorder=recorder)


@pytest.fixture
def monitoring(operations, recorder):
    return MonitoringAgent(operations, recorder=recorder)
