"""The demo cluster as one object: its remembered identity, its server, its controllers.

Identity (port, certificates, token) is drawn once and kept with the objects in one SQLite file, so after kill -9 the
same kubeconfig reaches the same objects.
"""

import base64
import errno
import os
import secrets
import socket
import ssl
from functools import partial
from pathlib import Path

import yaml
from aiohttp import web

from demo import certificates, resources
from demo.controllers.deployments import Deployments
from demo.controllers.endpoints import ServiceEndpoints
from demo.controllers.garbage import Garbage
from demo.controllers.reconciling import Controller, Reconciler
from demo.controllers.recording import Recorder
from demo.controllers.replicasets import ReplicaSets
from demo.errors import DemoError, PortTakenError
from demo.faults import Faults
from demo.kubelet import Kubelet
from demo.objects import Clock, Obj, controller_of, namespace_of, now_utc
from demo.podlogs import PodLogs
from demo.seed import Seed
from demo.server import ApiServer
from demo.store import Change, Store

HOST = "127.0.0.1"
_COLLECTED = (
    resources.REPLICASETS,
    resources.PODS,
    resources.DEPLOYMENTS,
    resources.SERVICES,
    resources.ENDPOINTS,
    resources.CONFIGMAPS,
    resources.SECRETS,
    resources.EVENTS,
)


class DemoCluster:
    def __init__(self, folder: Path, *, clock: Clock = now_utc, speed: float = 1.0) -> None:
        self._folder = folder
        self._clock = clock
        self._speed = speed
        self._store: Store | None = None
        self._server: ApiServer | None = None
        self._runner: web.AppRunner | None = None
        self._reconciler: Reconciler | None = None
        self._facts: dict[str, str] = {}
        self.faults = Faults()
        """Trouble on demand, and the journal of requests; both outlive stop and start."""

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self._fact('port')}"

    @property
    def token(self) -> str:
        return self._fact("token")

    @property
    def store(self) -> Store:
        if self._store is None:
            raise DemoError("The demo cluster is not running; call start() first.")
        return self._store

    @property
    def kubeconfig(self) -> Obj:
        authority = base64.b64encode(self._fact("authority").encode()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "demo", "cluster": {"server": self.url, "certificate-authority-data": authority}},
            ],
            "users": [{"name": "demo-admin", "user": {"token": self.token}}],
            "contexts": [
                {"name": "demo", "context": {"cluster": "demo", "user": "demo-admin", "namespace": "default"}}
            ],
            "current-context": "demo",
        }

    def write_kubeconfig(self, path: Path) -> None:
        """Write it readable by the owner only, replacing an older one at once."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(path, yaml.safe_dump(self.kubeconfig, sort_keys=False))

    async def start(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = Store(self._folder / "cluster.db", clock=self._clock)
        listener: socket.socket | None = None
        try:
            listener = _listen(int(self._store.fact("port") or 0))
            self._facts = self._identity(self._store, listener.getsockname()[1])
            if not self._store.listed(resources.NAMESPACES):
                Seed(self._store, clock=self._clock, speed=self._speed).plant()
            self._reconciler = self._controllers(self._store)
            self._reconciler.start()
            await self._serve(self._store, listener)
        except BaseException:
            if listener is not None:
                listener.close()
            await self.stop()
            raise

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._reconciler is not None:
            await self._reconciler.stop()
        if self._store is not None:
            self._store.close()
        self._server = self._runner = self._reconciler = self._store = None

    def _fact(self, name: str) -> str:
        if name not in self._facts:
            raise DemoError("The demo cluster has no identity yet; call start() first.")
        return self._facts[name]

    def _identity(self, store: Store, port: int) -> dict[str, str]:
        names = ("authority", "server", "server_key", "token", "port")
        facts = {name: value for name in names if (value := store.fact(name)) is not None}
        if len(facts) != len(names):
            made = certificates.issue()
            facts = {"authority": made.authority, "server": made.server, "server_key": made.server_key}
            facts |= {"token": secrets.token_urlsafe(32), "port": str(port)}
            store.remember(facts)
        return facts

    def _controllers(self, store: Store) -> Reconciler:
        recorder = Recorder(store, clock=self._clock)
        deployments = Deployments(store, recorder, clock=self._clock, speed=self._speed)
        replica_sets = ReplicaSets(store, recorder, clock=self._clock, speed=self._speed)
        kubelet = Kubelet(store, recorder, clock=self._clock, speed=self._speed)
        endpoints, garbage = ServiceEndpoints(store), Garbage(store, clock=self._clock)
        return Reconciler(
            store,
            [
                Controller(resources.DEPLOYMENTS, deployments.reconcile, deployments.keys_for),
                Controller(resources.REPLICASETS, replica_sets.reconcile, _replica_set_of),
                Controller(resources.PODS, kubelet.reconcile),
                Controller(resources.SERVICES, endpoints.reconcile, endpoints.services_of),
                *(
                    Controller(resource, partial(garbage.collect, resource), partial(garbage.dependants, resource))
                    for resource in _COLLECTED
                ),
            ],
        )

    async def _serve(self, store: Store, listener: socket.socket) -> None:
        logs = PodLogs(store, clock=self._clock)
        self._server = ApiServer(store, clock=self._clock, token=self.token, faults=self.faults, logs=logs)
        self._runner = web.AppRunner(
            self._server.application(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener, ssl_context=self._tls()).start()

    def _tls(self) -> ssl.SSLContext:
        """Python's ssl loads chains from files only, so certificate and key are written beside the database."""
        certificate, key = self._folder / "server.crt", self._folder / "server.key"
        _write_private(certificate, self._fact("server"))
        _write_private(key, self._fact("server_key"))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        return context


def _listen(port: int) -> socket.socket:
    """Take the port (0: any) before anything is written, so that a second cluster fails without harm."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as cause:
        listener.close()
        if cause.errno != errno.EADDRINUSE:
            raise
        raise PortTakenError(
            f"Port {port}, which the demo cluster remembers, is in use. Stop the program that listens there, "
            "then start again (or delete the demo cluster's folder to begin anew on another port)."
        ) from cause
    listener.setblocking(False)
    return listener


def _replica_set_of(change: Change) -> list[tuple[str, str]]:
    owner = controller_of(change.object) if change.resource == resources.PODS.key else None
    return [(namespace_of(change.object), owner["name"])] if owner else []


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
