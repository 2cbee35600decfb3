"""The kubectl binary against the demo cluster: what a newcomer types first."""

import asyncio
import shutil

import pytest

KUBECTL = shutil.which("kubectl")
pytestmark = [pytest.mark.kubectl, pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed: NOT VERIFIED")]


@pytest.fixture
def kubectl(cluster, tmp_path):
    path = tmp_path / "demo.kubeconfig"
    cluster.write_kubeconfig(path)

    async def run(*words, refused=False):
        environment = {"KUBECONFIG": str(path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        process = await asyncio.create_subprocess_exec(
            KUBECTL,
            *words,
            env=environment,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode != 0) is refused, (words, out, err)
        return (err if refused else out).decode()

    return run


def column(text, name):
    head, *rows = text.splitlines()
    at = head.split("  ")
    index = [part.strip() for part in at if part.strip()].index(name)
    return [[part.strip() for part in row.split("  ") if part.strip()][index] for row in rows]


async def test_get_prints_the_usual_columns(kubectl):
    """Deployments and pods, plain and wide."""
    deployments = await kubectl("-n", "shop", "get", "deploy")
    pods = await kubectl("-n", "shop", "get", "pods", "-o", "wide")

    assert column(deployments, "READY") == ["2/2", "0/2", "3/3"]
    assert column(pods, "STATUS").count("CrashLoopBackOff") == 2
    assert set(column(pods, "NODE")) == {"demo-node-1", "demo-node-2"}
    assert "nginx:1.27.3" in await kubectl("-n", "shop", "get", "deploy", "-o", "wide")


async def test_scale_and_rollout_status(kubectl):
    """The two commands of the walk-through."""
    assert "scaled" in await kubectl("-n", "shop", "scale", "deploy/web", "--replicas=5")
    assert "successfully rolled out" in await kubectl("-n", "shop", "rollout", "status", "deploy/web", "--timeout=20s")
    assert column(await kubectl("-n", "shop", "get", "deploy", "web"), "READY") == ["5/5"]


async def test_describe_explains_the_crash_loop(kubectl):
    """Conditions, last state and events come together."""
    described = await kubectl("-n", "shop", "describe", "pods", "-l", "app=checkout")
    deployment = await kubectl("-n", "shop", "describe", "deploy", "checkout")

    assert "Exit Code:    1" in described
    assert "Back-off restarting failed container checkout" in described
    assert "ProgressDeadlineExceeded" in deployment
    assert "10.244." in await kubectl("-n", "shop", "describe", "service", "web")
    assert "demo-node-1" in await kubectl("describe", "node", "demo-node-1")


async def test_logs_now_and_previous(kubectl):
    """By deployment and by pod, with a tail."""
    assert len((await kubectl("-n", "shop", "logs", "deploy/web", "--tail=7")).splitlines()) == 7
    assert "cannot connect to database" in await kubectl("-n", "shop", "logs", "deploy/checkout", "--previous")


async def test_a_rollback_heals_checkout(kubectl):
    """History, undo, status: revision 1 works."""
    assert "2.4.0: use the new database host" in await kubectl("-n", "shop", "rollout", "history", "deploy/checkout")
    assert "rolled back" in await kubectl("-n", "shop", "rollout", "undo", "deploy/checkout")
    assert "successfully" in await kubectl("-n", "shop", "rollout", "status", "deploy/checkout", "--timeout=20s")
    sets = await kubectl("-n", "shop", "get", "rs", "-l", "app=checkout")
    assert sorted(column(sets, "DESIRED")) == ["0", "2"]


async def test_set_image_and_restart_make_revisions(kubectl):
    """Both are patches of the template."""
    await kubectl("-n", "shop", "set", "image", "deploy/web", "nginx=nginx:1.28.0")
    await kubectl("-n", "shop", "rollout", "status", "deploy/web", "--timeout=20s")
    await kubectl("-n", "shop", "rollout", "restart", "deploy/web")
    await kubectl("-n", "shop", "rollout", "status", "deploy/web", "--timeout=20s")

    assert "\n4 " in await kubectl("-n", "shop", "rollout", "history", "deploy/web")


async def test_events_in_both_spellings(kubectl):
    """get events and the events command."""
    assert "BackOff" in await kubectl("-n", "shop", "get", "events")
    assert "BackOff" in await kubectl("-n", "shop", "events", "--types=Warning")


async def test_watching_shows_changes(kubectl):
    """get -w prints the list and then what changes until its time is over."""
    watching = asyncio.create_task(kubectl("-n", "shop", "get", "deploy", "web", "-w", "--request-timeout=2s"))
    await kubectl("-n", "shop", "scale", "deploy/web", "--replicas=4")

    assert "/4" in await watching


async def test_apply_diff_wait_and_delete(kubectl, tmp_path):
    """A manifest lives its whole life."""
    manifest = tmp_path / "app.yaml"
    manifest.write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: mine, namespace: staging}\n"
        "spec:\n  replicas: 1\n  selector: {matchLabels: {app: mine}}\n  template:\n"
        "    metadata: {labels: {app: mine}}\n    spec: {containers: [{name: c, image: 'nginx:1.27.3'}]}\n"
    )
    assert "created" in await kubectl("apply", "-f", str(manifest))
    assert "unchanged" in await kubectl("apply", "-f", str(manifest))
    assert "condition met" in await kubectl(
        "-n", "staging", "wait", "--for=condition=Available", "deploy/mine", "--timeout=20s"
    )
    manifest.write_text(manifest.read_text().replace("replicas: 1", "replicas: 2"))
    assert "configured (server dry run)" in await kubectl("apply", "-f", str(manifest), "--dry-run=server")
    assert "serverside-applied" in await kubectl("apply", "--server-side", "--force-conflicts", "-f", str(manifest))
    assert "deleted" in await kubectl("delete", "-f", str(manifest))


async def test_refusals_are_readable(kubectl):
    """What is not there, what is invalid, what is sent as protobuf."""
    assert 'deployments.apps "none" not found' in await kubectl("-n", "shop", "get", "deploy", "none", refused=True)
    assert "media types" in await kubectl("create", "configmap", "x", "--from-literal=a=b", refused=True)
    patch = ("patch", "deploy", "web", "-p", '{"spec":{"replicas":-1}}')
    assert "must be greater than or equal to 0" in await kubectl("-n", "shop", *patch, refused=True)
