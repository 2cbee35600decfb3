"""Digests bind an approval to exactly what was shown.

The canonical form is JSON with sorted keys, no white space and no NaN, so two processes in two versions of
Python agree on it. An operation digest covers everything whose change would make the approval mean something
else; a plan digest covers the ordered operation digests.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def canonical(value: Any) -> bytes:
    """Canonical JSON of plain data; raises ValueError or TypeError on anything else."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(value: Any) -> str:
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def operation_digest(
    *,
    workspace_id: str,
    cluster: str,
    operation: str,
    parameters: Mapping[str, Any],
    target: Mapping[str, Any],
    changes: Sequence[Mapping[str, Any]],
    requester: str,
    policy_version: str,
) -> str:
    """Digest of one operation.

    *target* is ``{kind, namespace, name, uid, generation}``, *changes* the dry-run diff as
    ``[{path, before, after}]``, *parameters* the canonical wire parameters.
    """
    return sha256(
        {
            "v": 1,
            "workspace": workspace_id,
            "cluster": cluster,
            "operation": operation,
            "parameters": dict(parameters),
            "target": dict(target),
            "changes": [dict(change) for change in changes],
            "requester": requester,
            "policy": policy_version,
        }
    )


def plan_digest(operations: Sequence[str], *, workspace_id: str, workflow: str, requester: str) -> str:
    return sha256(
        {"v": 1, "workspace": workspace_id, "workflow": workflow, "requester": requester, "operations": [*operations]}
    )
