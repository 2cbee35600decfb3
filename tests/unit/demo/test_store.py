import pytest

from demo import resources
from demo.errors import ApiError, FolderInUseError
from demo.store import HISTORY, Store

POD = {"kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"x": 1}}
DEPLOYMENT = {"kind": "Deployment", "metadata": {"name": "d", "namespace": "shop"}, "spec": {"replicas": 1}}


@pytest.fixture
def store(tmp_path, clock):
    opened = Store(tmp_path / "cluster.db", clock=clock)
    yield opened
    opened.close()


def test_the_generation_counts_changes_of_spec_only(store):
    """Status and labels move the resourceVersion, not the generation."""
    created = store.create(resources.DEPLOYMENTS, DEPLOYMENT)

    touched = store.update(resources.DEPLOYMENTS, {**created, "status": {"replicas": 1}})
    scaled = store.update(resources.DEPLOYMENTS, {**touched, "spec": {"replicas": 2}})

    generations = [obj["metadata"]["generation"] for obj in (created, touched, scaled)]
    versions = [int(obj["metadata"]["resourceVersion"]) for obj in (created, touched, scaled)]
    assert generations == [1, 1, 2]
    assert versions == sorted(set(versions))


def test_writing_the_same_is_no_write(store):
    """Controllers may write their verdict each time; watchers hear only changes."""
    created = store.create(resources.PODS, POD)
    before = store.version

    assert store.update(resources.PODS, {**created}) is created
    assert store.version == before


def test_a_dry_run_leaves_no_trace(store):
    """The answer looks real; the store, its version and its watchers do not notice."""
    heard = []
    created = store.create(resources.DEPLOYMENTS, DEPLOYMENT)
    store.subscribe(heard.append)

    shown = store.update(resources.DEPLOYMENTS, {**created, "spec": {"replicas": 9}}, dry_run=True)
    store.create(resources.PODS, POD, dry_run=True)

    assert shown["metadata"]["generation"] == 2
    assert store.get(resources.DEPLOYMENTS, "shop", "d") is created
    assert store.get(resources.PODS, "shop", "a") is None
    assert heard == []


def test_everything_is_there_again_after_reopening(tmp_path, clock, store):
    """Objects, versions and facts come back as they were."""
    created = store.create(resources.PODS, POD)
    store.create(resources.DEPLOYMENTS, DEPLOYMENT)
    store.delete(resources.DEPLOYMENTS, "shop", "d")
    store.remember({"port": "4711"})
    version = store.version
    store.close()

    again = Store(tmp_path / "cluster.db", clock=clock)

    assert again.get(resources.PODS, "shop", "a") == created
    assert again.listed(resources.DEPLOYMENTS) == []
    assert (again.version, again.fact("port")) == (version, "4711")
    again.close()


def test_a_version_older_than_the_history_has_expired(store):
    """Watchers who slept too long must list again."""
    obj = store.create(resources.PODS, POD)
    since = store.version
    for number in range(HISTORY + 1):
        obj = store.update(resources.PODS, {**obj, "spec": {"x": number + 2}})

    assert [change.version for change in store.changes_since(store.version - 2)] == [store.version - 1, store.version]
    with pytest.raises(ApiError) as refusal:
        store.changes_since(since)
    assert refusal.value.code == 410


def test_a_second_process_is_told_that_the_folder_is_in_use(tmp_path, clock, store):
    """Two writers would tear the state apart; the message says what to do."""
    store.create(resources.PODS, POD)

    with pytest.raises(FolderInUseError, match="stop it, or choose another folder"):
        Store(tmp_path / "cluster.db", clock=clock)
