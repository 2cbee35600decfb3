"""The end of a container's log: bounded in lines and bytes, decoded whatever it holds, redacted line by line."""

from typing import Any

from controlplane.contract import errors, models
from controlplane.server.clusters import port
from controlplane.server.look import Look

MOST_BYTES = 512 * 1024
_FETCHED = 4 * 1024 * 1024  # the cluster cuts at the end, which is what matters; so more is fetched and cut in front
_TIMEOUT = 15.0


async def get_logs(parameters: models.GetLogs, look: Look) -> dict[str, Any]:
    ref = port.pods(parameters.namespace).named(parameters.pod_name)
    try:
        content = await look.cluster.logs(
            ref,
            container=parameters.container,
            tail_lines=parameters.lines,
            limit_bytes=_FETCHED,
            previous=parameters.previous,
            timeout=_TIMEOUT,
        )
    except errors.NotFoundError as error:
        raise await look.missing(ref) from error
    lines, truncated = tail(content, parameters.lines)
    return {
        "pod": parameters.pod_name,
        "namespace": parameters.namespace,
        "container": parameters.container,
        "previous": parameters.previous,
        "lines": look.redact("\n".join(lines)).split("\n") if lines else [],
        "truncated": truncated,
    }


def tail(content: bytes, most: int) -> tuple[list[str], bool]:
    """The last lines that fit; a line cut in two is left out."""
    truncated = len(content) > MOST_BYTES or len(content) >= _FETCHED
    kept = content[-MOST_BYTES:]
    if len(content) > MOST_BYTES and content[-MOST_BYTES - 1 : -MOST_BYTES] != b"\n":
        _, _, kept = kept.partition(b"\n")
    lines = kept.decode("utf-8", errors="replace").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines[-most:]], truncated or len(lines) > most
