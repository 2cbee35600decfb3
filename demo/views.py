"""Resources that are another resource in newer clothes: kept once, shown twice, read only."""

from demo import resources
from demo.objects import Obj, dig, name_of, namespace_of
from demo.resources import Resource

SERVICE_NAME = "kubernetes.io/service-name"


def shaped(resource: Resource, obj: Obj) -> Obj:
    """The object as this resource shows it."""
    if resource is resources.NEW_EVENTS:
        return _as_new_event(obj)
    return _as_slice(obj) if resource is resources.ENDPOINT_SLICES else obj


def _as_slice(endpoints: Obj) -> Obj:
    subset: Obj = next(iter(endpoints.get("subsets") or []), {})
    ends = [
        {
            "addresses": [address["ip"]],
            "conditions": {"ready": ready, "serving": ready, "terminating": False},
            **{key: address[key] for key in ("nodeName", "targetRef") if key in address},
        }
        for key, ready in (("addresses", True), ("notReadyAddresses", False))
        for address in subset.get(key, [])
    ]
    labels = {**dig(endpoints, "metadata", "labels", default={}), SERVICE_NAME: name_of(endpoints)}
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {**endpoints["metadata"], "namespace": namespace_of(endpoints), "labels": labels},
        "addressType": "IPv4",
        "endpoints": ends,
        "ports": [{"name": "", **port} for port in subset.get("ports", [])],
    }


def _as_new_event(event: Obj) -> Obj:
    source = event.get("source", {})
    return {
        "kind": "Event",
        "apiVersion": "events.k8s.io/v1",
        "metadata": event["metadata"],
        "eventTime": event.get("eventTime"),
        "regarding": event.get("involvedObject", {}),
        "note": event.get("message", ""),
        "reason": event.get("reason", ""),
        "type": event.get("type", ""),
        "reportingController": source.get("component", ""),
        "reportingInstance": source.get("host", ""),
        "deprecatedSource": source,
        "deprecatedCount": event.get("count", 1),
        "deprecatedFirstTimestamp": event.get("firstTimestamp"),
        "deprecatedLastTimestamp": event.get("lastTimestamp"),
    }
