"""Service -> Endpoints: the addresses of the ready pods it selects. A Service without selector is left to its owner."""

from demo import resources, selectors
from demo.objects import Obj, dig, is_deleting, is_true, labels_of, name_of, namespace_of, uid_of
from demo.store import Change, Store


class ServiceEndpoints:
    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self, namespace: str, name: str) -> float | None:
        service = self._store.get(resources.SERVICES, namespace, name)
        old = self._store.get(resources.ENDPOINTS, namespace, name)
        if service is None:
            if old is not None:
                self._store.delete(resources.ENDPOINTS, namespace, name)
            return None
        if dig(service, "spec", "selector"):
            wanted = self._wanted(service)
            if old is None:
                self._store.create(resources.ENDPOINTS, wanted)
            else:
                self._store.update(resources.ENDPOINTS, {**old, "subsets": wanted["subsets"]})
        return None

    def services_of(self, change: Change) -> list[tuple[str, str]]:
        """The Services that select the pod which changed."""
        if change.resource != resources.PODS.key:
            return []
        services = self._store.listed(resources.SERVICES, namespace_of(change.object))
        chosen = [service for service in services if _selects(service, change.object)]
        return [(namespace_of(service), name_of(service)) for service in chosen]

    def _wanted(self, service: Obj) -> Obj:
        pods = [pod for pod in self._store.listed(resources.PODS, namespace_of(service)) if _selects(service, pod)]
        alive = [pod for pod in pods if dig(pod, "status", "podIP") and not is_deleting(pod)]
        subset: Obj = {
            "addresses": [_address(pod) for pod in alive if is_true(pod, "Ready")],
            "notReadyAddresses": [_address(pod) for pod in alive if not is_true(pod, "Ready")],
            "ports": [_port(port, pods) for port in service["spec"].get("ports", [])],
        }
        meta = {"name": name_of(service), "namespace": namespace_of(service), "labels": labels_of(service)}
        subsets = [{key: value for key, value in subset.items() if value}] if alive else []
        return {"kind": "Endpoints", "apiVersion": "v1", "metadata": meta, "subsets": subsets}


def _selects(service: Obj, pod: Obj) -> bool:
    selector = dig(service, "spec", "selector")
    return bool(selector) and selectors.selects({"matchLabels": selector}, labels_of(pod))


def _address(pod: Obj) -> Obj:
    about = {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)}
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": about}


def _port(port: Obj, pods: list[Obj]) -> Obj:
    target = port.get("targetPort", port["port"])
    if isinstance(target, str):
        named = (
            item["containerPort"]
            for pod in pods
            for container in pod["spec"]["containers"]
            for item in container.get("ports", [])
            if item.get("name") == target
        )
        target = next(named, port["port"])
    found: Obj = {"port": target, "protocol": port.get("protocol", "TCP")}
    return {"name": port["name"], **found} if port.get("name") else found
