"""Facets of an object under a path of their own: each shows part of it and absorbs a changed part back.

The main path may not touch status and the status path may touch nothing else, as on a real server.
"""

from collections.abc import Callable
from dataclasses import dataclass

from demo import errors, selectors, shapes
from demo.objects import Obj, dig, name_of
from demo.resources import Resource


@dataclass(frozen=True, slots=True)
class Facet:
    show: Callable[[Obj], Obj]
    absorb: Callable[[Resource, Obj, Obj], Obj]
    """(resource, current object, wanted facet) -> wanted object"""


def facet_of(resource: Resource, subresource: str) -> Facet:
    if subresource == "":
        return MAIN
    if subresource in resource.subresources and subresource in _FACETS:
        return _FACETS[subresource]
    raise errors.unknown_path()


def _absorb_main(resource: Resource, current: Obj, wanted: Obj) -> Obj:
    kept = {key: value for key, value in wanted.items() if key != "status" or "status" not in resource.subresources}
    if "status" in resource.subresources and "status" in current:
        kept["status"] = current["status"]
    fixed = ("uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp", "namespace", "name")
    stays = {key: current["metadata"][key] for key in fixed if key in current["metadata"]}
    return {**kept, "metadata": {**wanted["metadata"], **stays}}


def _absorb_status(_resource: Resource, current: Obj, wanted: Obj) -> Obj:
    return {**current, "status": wanted.get("status", {})}


def scale_of(workload: Obj) -> Obj:
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: workload["metadata"][key] for key in kept if key in workload["metadata"]},
        "spec": {"replicas": dig(workload, "spec", "replicas", default=0)},
        "status": {
            "replicas": dig(workload, "status", "replicas", default=0),
            "selector": selectors.text_of(workload["spec"]["selector"]),
        },
    }


def _absorb_scale(resource: Resource, current: Obj, wanted: Obj) -> Obj:
    replicas = dig(wanted, "spec", "replicas", default=0)
    shapes.check_count(replicas, "Scale")
    if replicas < 0:
        cause = ("spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0")
        problem = errors.invalid(resource, name_of(current), [cause])
        message = f'Scale.autoscaling "{name_of(current)}" is invalid: {cause[0]}: {cause[1]}'
        raise errors.ApiError(problem.code, problem.reason, message, problem.details)
    return {**current, "spec": {**current["spec"], "replicas": replicas}}


MAIN = Facet(show=lambda obj: obj, absorb=_absorb_main)
_FACETS = {
    "status": Facet(show=lambda obj: obj, absorb=_absorb_status),
    "scale": Facet(show=scale_of, absorb=_absorb_scale),
}
