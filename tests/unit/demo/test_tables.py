from datetime import UTC, datetime, timedelta

import pytest

from demo import resources, tables

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (190, "3m10s"),
        (599, "9m59s"),
        (725, "12m"),
        (3 * 3_600 - 1, "179m"),
        (3 * 3_600, "3h"),
        (5 * 3_600 + 20 * 60, "5h20m"),
        (9 * 3_600, "9h"),
        (49 * 3_600, "2d1h"),
        (12 * 86_400, "12d"),
        (800 * 86_400, "2y"),
    ],
)
def test_ages_read_as_kubectl_writes_them(seconds, text):
    """The thresholds are those of kubectl's human durations."""
    assert tables.duration(timedelta(seconds=seconds)) == text


def cells(resource, obj):
    table = tables.table(resource, [obj], NOW, "Metadata", {})
    names = [column["name"] for column in table["columnDefinitions"]]
    return dict(zip(names, table["rows"][0]["cells"], strict=True))


def pod(**status):
    meta = {"name": "web-1", "creationTimestamp": "2026-01-05T08:50:00Z"}
    return {"metadata": meta, "spec": {"containers": [{}], "nodeName": "n1"}, "status": status}


def test_a_crash_looping_pod_shows_its_reason_and_restarts():
    """The waiting reason wins over the phase; restarts tell when the last one was."""
    status = {
        "ready": False,
        "restartCount": 7,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"finishedAt": "2026-01-05T08:57:00Z"}},
    }

    row = cells(resources.PODS, pod(phase="Running", containerStatuses=[status]))

    assert (row["Ready"], row["Status"], row["Restarts"], row["Age"]) == (
        "0/1",
        "CrashLoopBackOff",
        "7 (3m ago)",
        "10m",
    )


def test_a_deleted_pod_is_terminating_whatever_else_it_is():
    """Deletion is what the reader needs to know first."""
    ending = pod(phase="Running")
    ending["metadata"]["deletionTimestamp"] = "2026-01-05T09:00:30Z"

    assert cells(resources.PODS, ending)["Status"] == "Terminating"


def test_a_deployment_row_counts_ready_and_lists_images():
    """The wide columns come along with priority 1, for kubectl to hide."""
    deployment = {
        "metadata": {"name": "web", "creationTimestamp": "2026-01-04T09:00:00Z"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"spec": {"containers": [{"name": "nginx", "image": "nginx:1"}]}},
        },
        "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2},
    }

    row = cells(resources.DEPLOYMENTS, deployment)

    assert (row["Ready"], row["Up-to-date"], row["Available"], row["Age"]) == ("2/3", 3, 2, "24h")
    assert (row["Containers"], row["Images"], row["Selector"]) == ("nginx", "nginx:1", "app=web")


@pytest.mark.parametrize(("include", "keys"), [("None", set()), ("Metadata", {"kind", "apiVersion", "metadata"})])
def test_rows_carry_as_much_of_the_object_as_asked(include, keys):
    """includeObject=None saves the bytes, Metadata is the default."""
    row = tables.table(resources.PODS, [pod()], NOW, include, {})["rows"][0]

    assert set(row.get("object", {})) == keys


@pytest.mark.parametrize("resource", resources.RESOURCES, ids=lambda resource: resource.qualified)
def test_every_layout_has_as_many_cells_as_columns(resource):
    """A row out of step with its columns would print nonsense or crash kubectl."""
    obj = {
        "kind": resource.kind,
        "metadata": {"name": "a", "creationTimestamp": "2026-01-05T08:50:00Z"},
        "spec": {"type": "ClusterIP", "containers": []},
        "involvedObject": {"kind": "Pod", "name": "b"},
    }

    assert cells(resource, obj)["Age" if "vent" not in resource.kind else "First Seen"] == "10m"
