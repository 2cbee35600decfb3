"""Mutating operations: previews, the check against what was approved, and execution exactly once."""
