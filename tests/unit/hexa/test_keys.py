import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from hexa import keys
from hexa.keys import KeyProblemError
from hexa.settings import load

GIVEN = {"HEXA_AUDIT_KEY": "a" * 32, "HEXA_SECRET_KEY": "s" * 32, "HEXA_CONTROLPLANE_KEY": "c" * 32}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "new" / "data"


@pytest.fixture
def settings(directory):
    return load({"HEXA_DATA_DIR": str(directory)})


def test_keys_are_made_once_and_readable_by_the_owner_alone(settings, directory):
    """0600 in 0700, and the same at the next start."""
    first = keys.load(settings)

    assert keys.load(settings) == first
    assert mode(directory) == 0o700
    assert {path.name: mode(path) for path in directory.iterdir()} == {
        "audit.key": 0o600, "secret.key": 0o600, "controlplane.key": 0o600,
    }  # fmt: skip
    assert len({first.audit, first.secret, first.controlplane.encode()}) == 3
    assert "key" not in repr(first)


def test_an_open_data_directory_of_ours_is_closed(settings, directory):
    """Made by hand with a common umask."""
    directory.mkdir(mode=0o755, parents=True)

    keys.load(settings)

    assert mode(directory) == 0o700


def test_given_keys_are_used_and_nothing_is_written(directory):
    """Nothing of a given key lies on the disk."""
    found = keys.load(load({"HEXA_DATA_DIR": str(directory), **GIVEN}))

    assert (found.audit, found.secret, found.controlplane) == (b"a" * 32, b"s" * 32, "c" * 32)
    assert not directory.exists()


def test_processes_that_start_together_agree_on_one_key(settings):
    """Whoever comes second takes what is there."""
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: keys.load(settings).audit, range(16)))

    assert len(found) == 1


def test_on_postgresql_missing_keys_are_refused_by_name(directory):
    """Each replica would invent its own."""
    partial = {"HEXA_DATABASE_URL": "postgresql://db/hexa", "HEXA_AUDIT_KEY": "a" * 32, "HEXA_DATA_DIR": str(directory)}

    with pytest.raises(KeyProblemError, match="HEXA_SECRET_KEY, HEXA_CONTROLPLANE_KEY"):
        keys.load(load(partial))
    assert keys.load(load({**partial, **GIVEN})).audit == b"a" * 32


def test_a_key_others_can_read_is_refused(settings, directory):
    """It may be known already; repairing the mode would hide that."""
    keys.load(settings)
    (directory / "audit.key").chmod(0o644)

    with pytest.raises(KeyProblemError, match="chmod 600"):
        keys.load(settings)


def test_a_damaged_or_short_key_is_refused(settings, directory):
    """An empty key would make every seal worthless."""
    keys.load(settings)
    (directory / "audit.key").write_bytes(b"")

    with pytest.raises(KeyProblemError, match="damaged"):
        keys.load(settings)
    with pytest.raises(KeyProblemError, match="HEXA_SECRET_KEY is too short"):
        keys.load(load({"HEXA_DATA_DIR": str(directory), **GIVEN, "HEXA_SECRET_KEY": "short"}))


def test_verification_never_makes_a_key(settings, directory):
    """With a new key every record would look forged."""
    with pytest.raises(KeyProblemError, match="no audit key"):
        keys.audit_key(settings)
    assert not directory.exists()

    made = keys.load(settings).audit
    assert keys.audit_key(settings) == made


def test_a_data_directory_that_is_a_file_is_told(tmp_path):
    """No trace, a sentence."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(KeyProblemError, match="HEXA_DATA_DIR cannot be used"):
        keys.load(load({"HEXA_DATA_DIR": str(tmp_path / "file")}))
