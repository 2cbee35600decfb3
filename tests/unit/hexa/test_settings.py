import pytest

from hexa import settings
from hexa.settings import SettingsError, load


def test_without_any_variable_everything_has_a_safe_default():
    """Loopback only, no secrets."""
    found = load({})

    assert (found.host, found.port, found.controlplane_address) == ("127.0.0.1", 8080, ("127.0.0.1", 8081))
    assert found.slack_bot_token is None
    assert not found.slack_configured


def test_empty_means_unset():
    """A compose file passes empty variables on; white space is nothing either."""
    found = load({"SLACK_BOT_TOKEN": "", "HEXA_PORT": "  ", "HEXA_CONFIG": "\n", "HEXA_AUDIT_KEY": ""})

    assert (found.slack_bot_token, found.port, found.config, found.audit_key) == (None, 8080, None, None)


def test_every_problem_is_reported_at_once_without_its_value():
    """A mistyped variable may hold a secret."""
    with pytest.raises(SettingsError) as caught:
        load(
            {
                "HEXA_PORT": "hunter2",
                "HEXA_CONTROLPLANE_LISTEN": "hunter2",
                "OPENAI_BASE_URL": "hunter2",
                "HEXA_HOST": "x",
            }
        )

    assert [one.partition(":")[0] for one in caught.value.problems] == [
        "HEXA_PORT", "HEXA_CONTROLPLANE_LISTEN", "OPENAI_BASE_URL",
    ]  # fmt: skip
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_SIGNING_SECRET"),
        ({"SLACK_CLIENT_ID": "1"}, "SLACK_CLIENT_SECRET"),
        ({"HEXA_PORT": "65536"}, "HEXA_PORT"),
        ({"HEXA_PORT": "-1"}, "HEXA_PORT"),
        ({"HEXA_CONTROLPLANE_LISTEN": ":8081"}, "HEXA_CONTROLPLANE_LISTEN"),
        ({"HEXA_CONTROLPLANE_LISTEN": "127.0.0.1:99999"}, "HEXA_CONTROLPLANE_LISTEN"),
        ({"HEXA_CONTROLPLANE_LISTEN": "127.0.0.1:٨٠"}, "HEXA_CONTROLPLANE_LISTEN"),
        ({"SLACK_API_URL": "ftp://x"}, "SLACK_API_URL"),
    ],
)
def test_what_cannot_work_is_refused_by_name(variables, named):
    """The message names the variable to change."""
    with pytest.raises(SettingsError, match=named):
        load(variables)


def test_secrets_are_not_shown():
    """Neither in a representation nor in a dump for a log."""
    secrets = {name: "hunter2-hunter2" for name in settings.VARIABLES if name.endswith(("TOKEN", "SECRET", "KEY"))}

    found = load({**secrets, "SLACK_CLIENT_ID": "1", "HEXA_DATABASE_URL": "postgresql://hexa:hunter2@db/hexa"})

    assert len(secrets) >= 9
    assert "hunter2" not in repr(found)
    assert "hunter2" not in str(found.model_dump())


def test_two_signing_secrets_during_rotation():
    """Both verify until the old one is removed."""
    found = load({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "new, old,"})

    assert found.signing_secrets == ("new", "old")


@pytest.mark.parametrize(
    ("url", "postgresql"),
    [("postgresql+psycopg://db/hexa", True), ("postgres://db/hexa", True), ("sqlite:////tmp/h.db", False), ("", False)],
)
def test_the_kind_of_database_is_read_from_its_url(url, postgresql):
    """It decides whether keys may be generated."""
    assert load({"HEXA_DATABASE_URL": url}).on_postgresql is postgresql


def test_the_process_environment_is_read_when_nothing_else_is_given(monkeypatch):
    """The one place that does."""
    monkeypatch.setenv("HEXA_PORT", "1234")

    assert load().port == 1234
