"""How risky a plan is, and why, in words for the card. Deterministic; policy decides who must approve, not this."""

from collections.abc import Sequence

from controlplane.contract import models
from controlplane.contract.catalogue import CATALOGUE

LEVELS = ("none", "low", "medium", "high")


def assess(previews: Sequence[models.Preview], environment: str) -> tuple[str, tuple[str, ...]]:
    """The level of a whole plan with its reasons."""
    level, reasons = "none", []
    for preview in previews:
        level = max(level, CATALOGUE[preview.operation].risk, key=LEVELS.index)
        for change in preview.changes:
            if change.path == "spec.replicas" and change.after == 0:
                level = "high"
                reasons.append(f"{preview.target.name} will have no pods")
            elif change.path == "spec.replicas" and int(change.after) < int(change.before or 0):
                reasons.append(f"{int(change.before) - int(change.after)} pods will be stopped")
    if previews and environment == "prod":
        reasons.append("production")
    return level, tuple(reasons)
