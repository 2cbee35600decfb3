"""What the Kubernetes adapter makes of servers that misbehave, and of kubeconfigs it will not use."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from controlplane.contract import errors
from controlplane.server.clusters import port
from controlplane.server.clusters.kubeconfig import InCluster, Kubeconfig
from controlplane.server.clusters.kubernetes import KubernetesCluster

WEB = port.deployments("shop").named("web")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def write_kubeconfig(path: Path, server: str, **user: Any) -> Kubeconfig:
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": "t1"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(content))
    return Kubeconfig(path)


class Serving:
    """An API server that answers everything with *answer*."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.kubeconfig = folder / "kubeconfig"
        self._stack = stack
        self.requests: list[web.Request] = []

    async def by(self, answer: Answer) -> KubernetesCluster:
        async def noted(request: web.BaseRequest) -> web.StreamResponse:
            self.requests.append(request)
            return await answer(request)

        runner = web.ServerRunner(web.Server(noted), shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        cluster = KubernetesCluster("main", write_kubeconfig(self.kubeconfig, self.url(runner)))
        self._stack.push_async_callback(cluster.close)
        return cluster

    def url(self, runner: web.ServerRunner) -> str:
        return f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    async with AsyncExitStack() as stack:
        yield Serving(tmp_path, stack)


def status(code: int, **fields: Any) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "code": code, **fields}, status=code)

    return answer


@pytest.mark.parametrize(
    ("code", "kind", "happened"),
    [
        (400, errors.InvalidRequestError, False),
        (403, errors.PermissionDeniedError, False),
        (404, errors.NotFoundError, False),
        (409, errors.ConflictError, False),
        (410, port.ExpiredError, False),
        (422, errors.InvalidRequestError, False),
        (500, errors.ClusterUnavailableError, None),
        (503, errors.ClusterUnavailableError, None),
    ],
)
async def test_a_status_is_an_error_with_what_is_known(
    serving: Serving, code: int, kind: type[errors.ControlPlaneError], happened: bool | None
) -> None:
    """The server's sentence comes along; a mutation refused with 4xx surely did not happen."""
    cluster = await serving.by(status(code, message="because of this", reason="Why"))

    with pytest.raises(kind, match="because of this") as caught:
        await cluster.patch(WEB, {}, timeout=5)

    assert type(caught.value) is kind
    assert caught.value.happened is happened
    assert caught.value.details["cluster_reason"] == "Why"


async def test_slowing_down_is_asked_for_in_seconds(serving: Serving) -> None:
    """Retry-After."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "7"})

    cluster = await serving.by(answer)

    with pytest.raises(errors.RateLimitError) as caught:
        await cluster.get(WEB, timeout=5)

    assert caught.value.retry_after == 7


async def test_the_page_of_a_proxy_is_not_shown(serving: Serving) -> None:
    """Only a Kubernetes Status speaks for the cluster."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=502, text="<html>internal host 10.1.1.1</html>")

    cluster = await serving.by(answer)

    with pytest.raises(errors.ClusterUnavailableError) as caught:
        await cluster.get(WEB, timeout=5)

    assert "html" not in str(caught.value)


@pytest.mark.parametrize("text", ["no json", "[]", ""])
async def test_a_success_that_is_no_object_is_none(serving: Serving, text: str) -> None:
    """And a mutation answered so may have happened."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=text)

    cluster = await serving.by(answer)

    with pytest.raises(errors.ClusterUnavailableError) as caught:
        await cluster.patch(WEB, {}, timeout=5)

    assert caught.value.happened is None


async def test_no_answer_in_time_is_not_known_to_have_happened(serving: Serving) -> None:
    """The request had been sent."""
    forever = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        await forever.wait()
        return web.Response()

    cluster = await serving.by(answer)

    with pytest.raises(errors.OperationTimeoutError) as caught:
        await cluster.patch(WEB, {}, timeout=0.2)

    assert caught.value.happened is None
    forever.set()


async def test_a_cut_connection_is_not_known_to_have_happened(serving: Serving) -> None:
    """The server closed it without a word."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    cluster = await serving.by(answer)

    with pytest.raises(errors.ClusterUnavailableError, match="broke off") as caught:
        await cluster.patch(WEB, {}, timeout=5)

    assert caught.value.happened is None


async def test_a_connection_that_was_never_made_did_nothing(tmp_path: Path) -> None:
    """Nobody listens."""
    cluster = KubernetesCluster("main", write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1"))

    with pytest.raises(errors.ClusterUnavailableError, match="main cannot be reached") as caught:
        await cluster.patch(WEB, {}, timeout=5)

    assert caught.value.happened is False
    await cluster.close()


async def test_a_refused_credential_is_read_again_once(serving: Serving) -> None:
    """A token may have been replaced in its file; a second refusal is told."""

    async def answer(request: web.Request) -> web.StreamResponse:
        good = request.headers.get("Authorization") == "Bearer t2"
        return web.json_response({"kind": "Deployment"}, status=200 if good else 401)

    cluster = await serving.by(answer)
    with pytest.raises(errors.ClusterUnavailableError, match="credential") as caught:
        await cluster.patch(WEB, {}, timeout=5)
    assert caught.value.happened is False

    serving.kubeconfig.write_text(serving.kubeconfig.read_text().replace("t1", "t2"))

    assert await cluster.get(WEB, timeout=5) == {"kind": "Deployment"}


async def test_a_patch_says_who_made_it_and_whether_it_is_a_dry_run(serving: Serving) -> None:
    """fieldManager, dryRun and the kind of patch."""
    cluster = await serving.by(status(200))

    await cluster.patch(WEB.named("web", "scale"), {"spec": {}}, dry_run=True, timeout=5)
    await cluster.patch(WEB.named("web", "scale"), {"spec": {}}, timeout=5)

    dry, real = serving.requests
    assert dict(dry.query) == {"fieldManager": "hexa", "dryRun": "All"}
    assert dict(real.query) == {"fieldManager": "hexa"}
    assert real.headers["Content-Type"] == "application/merge-patch+json"
    assert real.path == "/apis/apps/v1/namespaces/shop/deployments/web/scale"


async def test_an_event_of_a_watch_may_be_larger_than_any_buffer(serving: Serving) -> None:
    """Five megabytes in one line, in pieces."""
    large = {"type": "MODIFIED", "object": {"metadata": {"name": "x" * 5_000_000}}}

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(json.dumps(large).encode() + b"\n" + b'{"type": "BOOK')
        await response.write(b'MARK"}\n')
        return response

    cluster = await serving.by(answer)

    events = [one async for one in cluster.watch(port.pods("shop"), resource_version="1", timeout=5)]

    assert [one["type"] for one in events] == ["MODIFIED", "BOOKMARK"]
    assert len(events[0]["object"]["metadata"]["name"]) == 5_000_000


async def test_a_watch_that_is_too_old_says_so_within_the_stream(serving: Serving) -> None:
    """As an ERROR event with code 410."""

    async def answer(request: web.Request) -> web.StreamResponse:
        error = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}
        return web.Response(text=json.dumps(error) + "\n")

    cluster = await serving.by(answer)

    with pytest.raises(port.ExpiredError):
        [one async for one in cluster.watch(port.pods("shop"), resource_version="1", timeout=5)]


@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": ["/tmp/ran"]}},
        {"auth-provider": {"name": "gcp"}},
    ],
)
async def test_a_kubeconfig_that_runs_a_program_is_refused(tmp_path: Path, user: dict[str, Any]) -> None:
    """Before anything of it is loaded."""
    cluster = KubernetesCluster("main", write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1", **user))

    with pytest.raises(errors.ClusterUnavailableError, match="run a program"):
        await cluster.get(WEB, timeout=5)


@pytest.mark.parametrize("content", ["", "[]", "contexts: [", "contexts: []\ncurrent-context: x", "\x00"])
async def test_a_kubeconfig_that_is_none_is_refused_with_a_sentence(tmp_path: Path, content: str) -> None:
    """With the name of the cluster."""
    path = tmp_path / "kubeconfig"
    path.write_text(content)

    with pytest.raises(errors.ClusterUnavailableError, match="Cluster main is not usable") as caught:
        await KubernetesCluster("main", Kubeconfig(path)).get(WEB, timeout=5)

    assert caught.value.happened is False


async def test_a_missing_file_or_pod_or_context_is_told(tmp_path: Path) -> None:
    """Each with what to look for."""
    good = write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    for source, words in (
        (Kubeconfig(tmp_path / "nothing"), "cannot be read"),
        (Kubeconfig(good.path, context="prod"), "Known: x"),
        (InCluster(), "service account"),
    ):
        with pytest.raises(errors.ClusterUnavailableError, match=words):
            await KubernetesCluster("main", source).get(WEB, timeout=5)
