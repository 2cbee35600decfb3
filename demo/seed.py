"""The world a newcomer finds: two nodes, a shop in production with one broken service, and its staging twin.

`shop/checkout` crash-loops because its latest revision looks for a database host that does not exist; the revision
before it works, so a rollback heals it. Objects are born in a settled state, in the past, so the controllers find
nothing to do but the crash loop.
"""

import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from demo import admission, podstatus, resources
from demo.controllers import deployments, recording, replicasets, rollouts
from demo.objects import Clock, Obj, letters, stamp
from demo.resources import Resource
from demo.store import Store

NODES = ("demo-node-1", "demo-node-2")
NAMESPACES = {
    "default": {},
    "kube-system": {},
    "shop": {"environment": "prod"},
    "staging": {"environment": "staging"},
}
_CRASHES = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    image: str
    env: dict[str, str] = field(default_factory=dict)
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    namespace: str
    name: str
    replicas: int
    revisions: tuple[Revision, ...]
    port: int = 8080
    recreate: bool = False
    crashing: bool = False


_SHOP_DATABASE = {"DATABASE_HOST": "postgres", "PAYMENT_MODE": "sandbox"}
APPS = (
    App(
        namespace="shop",
        name="web",
        replicas=3,
        port=80,
        revisions=(
            Revision(image="nginx:1.25.5", cause="web 1.25.5"),
            Revision(image="nginx:1.27.3", cause="web 1.27.3"),
        ),
    ),
    App(
        namespace="shop",
        name="checkout",
        replicas=2,
        recreate=True,
        crashing=True,
        revisions=(
            Revision(image="registry.example.com/shop/checkout:2.3.0", env=_SHOP_DATABASE, cause="checkout 2.3.0"),
            Revision(
                image="registry.example.com/shop/checkout:2.4.0",
                env={**_SHOP_DATABASE, "DATABASE_HOST": "postgres-primary"},
                cause="checkout 2.4.0: use the new database host",
            ),
        ),
    ),
    App(
        namespace="shop",
        name="api",
        replicas=2,
        revisions=(
            Revision(image="registry.example.com/shop/api:5.0.2", env={"DATABASE_HOST": "postgres"}),
            Revision(image="registry.example.com/shop/api:5.1.0", env={"DATABASE_HOST": "postgres"}),
        ),
    ),
    App(namespace="staging", name="web", replicas=1, port=80, revisions=(Revision(image="nginx:1.27.3"),)),
    App(
        namespace="staging",
        name="api",
        replicas=1,
        revisions=(Revision(image="registry.example.com/shop/api:5.2.0-rc.1"),),
    ),
    App(
        namespace="kube-system",
        name="coredns",
        replicas=2,
        port=53,
        revisions=(Revision(image="coredns/coredns:1.11.3"),),
    ),
)


class Seed:
    def __init__(self, store: Store, *, clock: Clock, speed: float) -> None:
        self._store = store
        self._clock = clock
        self._now = clock()
        self._speed = speed
        self._placed = 0

    def plant(self) -> None:
        """Fill the store; call it only when it is empty."""
        for name, labels in NAMESPACES.items():
            self._add(resources.NAMESPACES, {"metadata": {"name": name, "labels": labels}}, self._ago(days=30))
        for index, name in enumerate(NODES):
            self._add(resources.NODES, _node(name, index, stamp(self._now)), self._ago(days=30))
        kubernetes = {"type": "ClusterIP", "clusterIP": "10.96.0.1", "ports": [_port("https", 443, 6443)]}
        self._add(resources.SERVICES, _named("default", "kubernetes", spec=kubernetes), self._ago(days=30))
        self._add_database()
        for app in APPS:
            self._add_app(app)

    def _ago(self, **span: float) -> datetime:
        return self._now - timedelta(**span)

    def _add(self, resource: Resource, obj: Obj, born: datetime) -> Obj:
        obj["metadata"]["creationTimestamp"] = stamp(born)
        return self._store.create(resource, admission.admit(resource, obj, None))

    def _add_database(self) -> None:
        """A database outside the cluster, known by a Service without selector; its password is a Secret."""
        ports = [_port("postgres", 5432, 5432)]
        self._add(resources.SERVICES, _named("shop", "postgres", spec={"ports": ports}), self._ago(days=28))
        subset = {"addresses": [{"ip": "10.20.0.15"}], "ports": [{"name": "postgres", "port": 5432, "protocol": "TCP"}]}
        self._add(resources.ENDPOINTS, _named("shop", "postgres", subsets=[subset]), self._ago(days=28))
        data = {
            "username": base64.b64encode(b"checkout").decode(),
            "password": base64.b64encode(b"not-a-real-password").decode(),
        }
        secret = _named("shop", "checkout-database", type="Opaque", data=data)
        self._add(resources.SECRETS, secret, self._ago(days=28))
        settings = {"CURRENCY": "EUR", "FEATURE_OFFERS": "on"}
        self._add(resources.CONFIGMAPS, _named("shop", "shop-settings", data=settings), self._ago(days=28))

    def _add_app(self, app: App) -> None:
        service = {"selector": {"app": app.name}, "ports": [_port("main", app.port, app.port)]}
        meta = _named(app.namespace, app.name, spec=service)
        self._add(
            resources.SERVICES,
            {**meta, "metadata": {**meta["metadata"], "labels": {"app": app.name}}},
            self._ago(days=20),
        )
        deployment = self._add(resources.DEPLOYMENTS, _deployment(app), self._ago(days=20))
        last = len(app.revisions)
        deployment["metadata"]["generation"] = last
        for number, revision in enumerate(app.revisions, start=1):
            age = self._ago(days=20) if number < last else self._ago(days=2, hours=5)
            self._add_revision(app, deployment, revision, number, age)

    def _add_revision(self, app: App, deployment: Obj, revision: Revision, number: int, born: datetime) -> None:
        is_last = number == len(app.revisions)
        planned = admission.admit(resources.DEPLOYMENTS, {**deployment, "spec": _spec(app, revision)}, None)
        digest = rollouts.template_hash(planned["spec"]["template"])
        rs = deployments.replica_set(planned, digest, number)
        if revision.cause:
            rs["metadata"]["annotations"]["kubernetes.io/change-cause"] = revision.cause
        rs["spec"]["replicas"] = app.replicas if is_last else 0
        rs["metadata"]["creationTimestamp"] = stamp(born)
        rs = self._store.create(resources.REPLICASETS, rs)
        if not is_last:
            return
        for index in range(app.replicas):
            self._add_pod(app, rs, index, born)
        self._settle(app, deployment, rs, born)

    def _add_pod(self, app: App, rs: Obj, index: int, born: datetime) -> None:
        pod = replicasets.pod_of(rs, letters(f"{app.namespace}/{app.name}/{index}", 5))
        pod["metadata"]["creationTimestamp"] = stamp(born)
        pod["spec"]["nodeName"] = NODES[self._placed % len(NODES)]
        self._placed += 1
        pod = self._store.create(resources.PODS, pod)
        node = self._store.get(resources.NODES, "", pod["spec"]["nodeName"])
        at = stamp(born + timedelta(seconds=3 + index))
        statuses = []
        for container in pod["spec"]["containers"]:
            status = podstatus.running(pod, podstatus.waiting(container, "ContainerCreating"), at)
            statuses.append(self._crash_looping(pod, status, index) if app.crashing else {**status, "ready": True})
        self._store.update(resources.PODS, podstatus.with_containers(pod, statuses, at, node))

    def _crash_looping(self, pod: Obj, status: Obj, index: int) -> Obj:
        """In the middle of the back-off, so that the next restart comes while somebody looks."""
        ended = self._ago(seconds=(240 - 25 * index) / self._speed)
        run = {"running": {"startedAt": stamp(ended - timedelta(seconds=3))}}
        status = {**status, "restartCount": _CRASHES - index, "state": run}
        last = {**status, "lastState": {"terminated": podstatus.terminated(status, stamp(ended), 1)}}
        self._tell_of_crashes(pod, status, ended)
        return podstatus.crash_looping(pod, last, "5m0s")

    def _tell_of_crashes(self, pod: Obj, status: Obj, ended: datetime) -> None:
        name, pod_name = status["name"], pod["metadata"]["name"]
        where = f"{name} in pod {pod_name}_{pod['metadata']['namespace']}({pod['metadata']['uid']})"
        pulled = f'Container image "{status["image"]}" already present on machine'
        said = (
            ("Normal", "Pulled", pulled, _CRASHES, 3),
            ("Normal", "Created", f"Created container: {name}", _CRASHES, 3),
            ("Normal", "Started", f"Started container {name}", _CRASHES, 3),
            ("Warning", "BackOff", f"Back-off restarting failed container {where}", _CRASHES * 6, 0),
        )
        for kind, reason, message, count, before in said:
            place = {"field": f"spec.containers{{{name}}}", "host": pod["spec"]["nodeName"]}
            event = recording.build(pod, kind, reason, message, "kubelet", self._clock, **place)
            event |= {"count": count, "firstTimestamp": pod["metadata"]["creationTimestamp"]}
            event["lastTimestamp"] = stamp(ended - timedelta(seconds=before))
            self._store.create(resources.EVENTS, event)

    def _settle(self, app: App, deployment: Obj, rs: Obj, born: datetime) -> None:
        """The status the controllers would have reached, so that starting them changes nothing."""
        at, done = stamp(born + timedelta(seconds=8)), not app.crashing
        ready = app.replicas if done else 0
        counts = {"replicas": app.replicas, "readyReplicas": ready, "availableReplicas": ready}
        shared = {**counts, "fullyLabeledReplicas": app.replicas, "observedGeneration": 1}
        self._store.update(resources.REPLICASETS, {**rs, "status": shared})
        verdict = (
            ("True", "NewReplicaSetAvailable", "has successfully progressed")
            if done
            else ("False", "ProgressDeadlineExceeded", "has timed out progressing")
        )
        progressing: Obj = {"type": "Progressing", "status": verdict[0], "reason": verdict[1]}
        progressing["message"] = f'ReplicaSet "{rs["metadata"]["name"]}" {verdict[2]}.'
        available: Obj = {"type": "Available", "status": "True" if done else "False"}
        available["reason"] = "MinimumReplicasAvailable" if done else "MinimumReplicasUnavailable"
        available["message"] = f"Deployment {'has' if done else 'does not have'} minimum availability."
        times = {"lastUpdateTime": at, "lastTransitionTime": at}
        status = {
            **counts,
            "updatedReplicas": app.replicas,
            "unavailableReplicas": app.replicas - ready,
            "observedGeneration": len(app.revisions),
            "conditions": [{**available, **times}, {**progressing, **times}],
        }
        self._store.update(resources.DEPLOYMENTS, {**deployment, "status": status})


def _named(namespace: str, name: str, **rest: object) -> Obj:
    return {"metadata": {"namespace": namespace, "name": name}, **rest}


def _port(name: str, port: int, target: int) -> Obj:
    return {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}


def _deployment(app: App) -> Obj:
    newest = app.revisions[-1]
    notes = {deployments.REVISION: str(len(app.revisions))}
    if newest.cause:
        notes["kubernetes.io/change-cause"] = newest.cause
    meta = {"name": app.name, "namespace": app.namespace, "labels": {"app": app.name}, "annotations": notes}
    return {"metadata": meta, "spec": _spec(app, newest)}


def _spec(app: App, revision: Revision) -> Obj:
    container: Obj = {
        "name": "nginx" if "nginx" in revision.image else app.name,
        "image": revision.image,
        "ports": [{"containerPort": app.port, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
    }
    if revision.env:
        container["env"] = [{"name": name, "value": value} for name, value in revision.env.items()]
    spec: Obj = {
        "replicas": app.replicas,
        "selector": {"matchLabels": {"app": app.name}},
        "template": {"metadata": {"labels": {"app": app.name}}, "spec": {"containers": [container]}},
    }
    if app.recreate:
        spec["strategy"] = {"type": "Recreate"}
    return spec


def _node(name: str, index: int, at: str) -> Obj:
    room = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "50Gi", "pods": "110"}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    if index == 0:
        labels["node-role.kubernetes.io/control-plane"] = ""
    facts = (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    )
    conditions = [
        {"type": kind, "status": status, "reason": reason, "message": message}
        | {"lastHeartbeatTime": at, "lastTransitionTime": at}
        for kind, status, reason, message in facts
    ]
    info = {
        "osImage": "Demo Linux 12",
        "kernelVersion": "6.6.0-demo",
        "containerRuntimeVersion": "containerd://1.7.24",
        "kubeletVersion": "v1.32.4",
        "kubeProxyVersion": "v1.32.4",
        "operatingSystem": "linux",
        "architecture": "amd64",
    } | dict.fromkeys(("machineID", "systemUUID", "bootID"), podstatus.digest(name)[:32])
    addresses = [{"type": "InternalIP", "address": f"192.0.2.{10 + index}"}, {"type": "Hostname", "address": name}]
    network = f"10.244.{index}.0/24"
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": network, "podCIDRs": [network]},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": conditions,
            "addresses": addresses,
            "nodeInfo": info,
        },
    }
