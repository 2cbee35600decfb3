from demo import watches
from tests.integration.demo.conftest import DEPLOYMENTS, PODS

WEB = f"{DEPLOYMENTS}/web"


async def first(stream, count):
    events = []
    async for event in stream:
        events.append(event)
        if len(events) == count:
            break
    return events


async def test_a_watch_continues_where_the_list_ended(rest):
    """Changes after the list's version arrive in order, none twice."""
    version = (await rest.get(DEPLOYMENTS))["metadata"]["resourceVersion"]
    for value in "abc":
        await rest.merge(WEB, {"metadata": {"labels": {"step": value}}})

    events = await first(rest.watch(DEPLOYMENTS, resourceVersion=version, fieldSelector="metadata.name=web"), 3)

    assert [event["type"] for event in events] == ["MODIFIED"] * 3
    assert [event["object"]["metadata"]["labels"]["step"] for event in events] == ["a", "b", "c"]


async def test_initial_events_end_with_an_annotated_bookmark(rest):
    """Newer kubectl hangs without it."""
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}

    events = await first(rest.watch(DEPLOYMENTS, **query), 4)

    assert [event["type"] for event in events] == ["ADDED", "ADDED", "ADDED", "BOOKMARK"]
    assert events[-1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_version_that_is_too_old_ends_in_410(cluster, rest):
    """An ERROR event tells the client to list again, and the stream ends. A restart forgets the history."""
    await cluster.stop()
    await cluster.start()

    events = [event async for event in rest.watch(DEPLOYMENTS, resourceVersion="1")]

    [event] = events
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


async def test_an_object_that_leaves_the_selection_is_deleted_from_the_watch(rest):
    """Changing a label moves an object in and out of what is watched."""
    version = (await rest.get(DEPLOYMENTS))["metadata"]["resourceVersion"]
    await rest.merge(WEB, {"metadata": {"labels": {"blue": "yes"}}})
    await rest.merge(WEB, {"metadata": {"labels": {"blue": None}}})

    events = await first(rest.watch(DEPLOYMENTS, resourceVersion=version, labelSelector="blue"), 2)

    assert [event["type"] for event in events] == ["ADDED", "DELETED"]


async def test_quiet_watchers_get_bookmarks_if_they_want_them(rest, monkeypatch):
    """So that they can resume from a recent version."""
    monkeypatch.setattr(watches, "BOOKMARK_EVERY", 0.05)

    events = await first(
        rest.watch(PODS, resourceVersion="", fieldSelector="metadata.name=x", allowWatchBookmarks="true"), 1
    )

    assert events[0]["type"] == "BOOKMARK"
    assert int(events[0]["object"]["metadata"]["resourceVersion"]) > 1


async def test_a_watch_ends_after_its_timeout(rest):
    """timeoutSeconds closes the stream cleanly."""
    assert [event async for event in rest.watch(PODS, timeoutSeconds="1", fieldSelector="metadata.name=x")] == []


async def test_watchers_that_leave_are_forgotten(cluster, rest):
    """A closed connection frees its subscription, or an idle demo would grow."""
    before = len(cluster.store._subscribers)
    await first(rest.watch(PODS), 1)
    await rest.session.close()

    async with rest.__class__(cluster).session as session:
        for _ in range(50):
            async with session.get(f"{cluster.url}/healthz") as answer:
                await answer.read()
            if len(cluster.store._subscribers) == before:
                break

    assert len(cluster.store._subscribers) == before
