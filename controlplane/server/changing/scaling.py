"""scale_deployment: a merge patch of the scale subresource, tied to the resource version that was looked at."""

from collections.abc import Iterator
from typing import Any

from controlplane.contract import canonical, errors, models
from controlplane.server.clusters import port
from controlplane.server.look import READ_TIMEOUT, Look

PATH = "spec.replicas"
PATCH_TIMEOUT = 15.0
_LOOKS = 3
_AUTOSCALERS = ("autoscaling/v2", "autoscaling/v2beta2", "autoscaling/v1")


class ScaleDeployment:
    async def preview(self, parameters: models.ScaleDeployment, look: Look) -> models.Preview:
        for _ in range(_LOOKS - 1):
            try:
                return await self._dry_run(parameters, look)
            except errors.ConflictError:
                continue  # a status update moved the resource version between the look and the dry run
        return await self._dry_run(parameters, look)

    async def warnings(
        self, parameters: models.ScaleDeployment, look: Look, preview: models.Preview
    ) -> tuple[str, ...]:
        found = []
        if not preview.changes:
            found.append(f"No change: {parameters.deployment_name} already has {_count(parameters.replicas)}.")
        if parameters.replicas == 0:
            found.append(f"Scaling to 0 stops {parameters.deployment_name}: nothing will answer.")
        return (*found, *await _autoscaled(parameters, look))

    async def send(self, parameters: models.ScaleDeployment, look: Look, preview: models.Preview) -> models.Target:
        scale = await self._patch(parameters, look, preview.target.resource_version, dry_run=False)
        version = str((scale.get("metadata") or {}).get("resourceVersion", ""))
        moved = {"generation": preview.target.generation + 1, "resource_version": version}
        return preview.target.model_copy(update=moved)

    def states_before(self, preview: models.Preview) -> Iterator[models.Preview]:
        """The replicas before are not known any more, but there are only so many they can have been."""
        wanted = preview.parameters["replicas"]
        if preview.changes:
            return
        target = preview.target.model_copy(update={"generation": preview.target.generation - 1})
        for before in range(models.MAX_REPLICAS + 1):
            if before != wanted:
                change = models.Change(path=PATH, before=before, after=wanted)
                yield preview.model_copy(update={"target": target, "changes": (change,)})

    async def _dry_run(self, parameters: models.ScaleDeployment, look: Look) -> models.Preview:
        deployment = await look.get(_ref(parameters))
        target = _target(deployment)
        before = int((deployment.get("spec") or {}).get("replicas", 1))
        scale = await self._patch(parameters, look, target.resource_version, dry_run=True)
        after = int((scale.get("spec") or {}).get("replicas") or 0)
        return models.Preview(
            operation="scale_deployment",
            cluster=look.cluster_name,
            parameters=canonical.dump(parameters),
            target=target,
            changes=(models.Change(path=PATH, before=before, after=after),) if before != after else (),
        )

    async def _patch(
        self, parameters: models.ScaleDeployment, look: Look, version: str, *, dry_run: bool
    ) -> dict[str, Any]:
        body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": parameters.replicas}}
        ref = _ref(parameters).named(parameters.deployment_name, "scale")
        return await look.cluster.patch(ref, body, dry_run=dry_run, timeout=PATCH_TIMEOUT)


def _ref(parameters: models.ScaleDeployment) -> port.Ref:
    return port.deployments(parameters.namespace).named(parameters.deployment_name)


def _target(deployment: dict[str, Any]) -> models.Target:
    metadata = deployment["metadata"]
    return models.Target(
        kind="Deployment",
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=int(metadata["generation"]),
        resource_version=str(metadata["resourceVersion"]),
    )


async def _autoscaled(parameters: models.ScaleDeployment, look: Look) -> list[str]:
    """An autoscaler of this deployment would undo the change; not being able to look is said, not hidden."""
    try:
        served = await look.cluster.versions("autoscaling", timeout=READ_TIMEOUT)
        chosen = next((version for version in _AUTOSCALERS if version in served), "")
        if not chosen:
            return ["Could not check for autoscalers: the cluster does not offer them."]
        ref = port.Ref(chosen, "horizontalpodautoscalers", parameters.namespace)
        found = (await look.cluster.list(ref, timeout=READ_TIMEOUT)).get("items") or []
    except errors.ControlPlaneError as error:
        return [f"Could not check for autoscalers: {error}"]
    return [_autoscaler(one) for one in found if _targets(one, parameters.deployment_name)]


def _targets(autoscaler: dict[str, Any], name: str) -> bool:
    target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return target.get("kind") == "Deployment" and target.get("name") == name


def _autoscaler(one: dict[str, Any]) -> str:
    spec = one.get("spec") or {}
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas")
    name = one["metadata"]["name"]
    return f"The autoscaler {name} keeps it between {least} and {most} replicas and may undo this."


def _count(replicas: int) -> str:
    return "1 replica" if replicas == 1 else f"{replicas} replicas"
