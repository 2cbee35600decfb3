"""Where a cluster's address and credential come from: a kubeconfig file or the pod's service account.

A kubeconfig may name a program to run for a credential; that would be somebody else's code with Hexa's rights, so
such entries are refused with a sentence. The Kubernetes client takes half a second of CPU to import, so it is
imported on first use, in a thread.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from controlplane.contract import errors


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """A kubeconfig file and a context of it (empty: its current one)."""

    path: Path
    context: str = ""


@dataclass(frozen=True, slots=True)
class InCluster:
    """The service account of the pod Hexa runs in."""


async def connect(source: Kubeconfig | InCluster, *, cluster: str) -> Any:
    """A `kubernetes_asyncio` ApiClient; raises ClusterUnavailableError with what is wrong in the configuration."""
    return await _Loading(source, cluster).client()


class _Loading:
    def __init__(self, source: Kubeconfig | InCluster, cluster: str) -> None:
        self._source = source
        self._cluster = cluster

    async def client(self) -> Any:
        kubernetes = await asyncio.to_thread(_imported)
        configuration = kubernetes.client.Configuration()
        if isinstance(self._source, InCluster):
            self._in_cluster(kubernetes, configuration)
        else:
            content = await asyncio.to_thread(self._read, self._source)
            await self._from_file(kubernetes, configuration, content, self._source)
        client = kubernetes.client.ApiClient(configuration)
        client.user_agent = "hexa"
        return client

    def _in_cluster(self, kubernetes: Any, configuration: Any) -> None:
        try:
            kubernetes.config.load_incluster_config(client_configuration=configuration)
        except kubernetes.config.ConfigException as error:
            raise self._unusable(f"Hexa does not run in a pod with a service account: {error}") from error

    async def _from_file(self, kubernetes: Any, configuration: Any, content: Any, source: Kubeconfig) -> None:
        loader = kubernetes.config.kube_config.KubeConfigLoader
        try:
            loading = loader(content, active_context=source.context or None, config_base_path=str(source.path.parent))
            await loading.load_and_set(configuration)
        except (kubernetes.config.ConfigException, AssertionError, KeyError, TypeError) as error:
            raise self._unusable(f"the kubeconfig {source.path.name} cannot be used: {error}") from error

    def _read(self, source: Kubeconfig) -> Any:
        try:
            content = yaml.safe_load(source.path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise self._unusable(f"the kubeconfig {source.path} cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise self._unusable(f"the kubeconfig {source.path} is not a mapping")
        self._refuse_programs(content, source)
        return content

    def _refuse_programs(self, content: dict[str, Any], source: Kubeconfig) -> None:
        chosen = source.context or content.get("current-context")
        contexts = {one.get("name"): one.get("context") or {} for one in content.get("contexts") or []}
        if chosen not in contexts:
            known = ", ".join(sorted(str(name) for name in contexts)) or "none"
            raise self._unusable(f"the kubeconfig has no context {chosen!r}. Known: {known}")
        users = {one.get("name"): one.get("user") or {} for one in content.get("users") or []}
        user = users.get(contexts[chosen].get("user"), {})
        if {"exec", "auth-provider"} & user.keys():
            raise self._unusable(
                "the kubeconfig asks to run a program for its credential, which Hexa does not do. "
                "Use a service account token or a client certificate"
            )

    def _unusable(self, why: str) -> errors.ClusterUnavailableError:
        error = errors.ClusterUnavailableError(
            f"Cluster {self._cluster} is not usable: {why}.", details={"cluster": self._cluster}
        )
        error.happened = False
        return error


def _imported() -> Any:
    import kubernetes_asyncio.client
    import kubernetes_asyncio.config

    return kubernetes_asyncio
