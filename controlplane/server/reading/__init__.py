"""Reading operations: what each of them asks a cluster and how the answer is told."""
