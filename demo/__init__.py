"""The demo cluster: a small Kubernetes API server over HTTPS in this process, for kubectl and real client libraries.

It is scenery with rules: objects, controllers and logs behave, nothing runs. It imports nothing else of this project
and nothing but the composition root imports it. What was acknowledged survives kill -9.
"""

from demo.cluster import DemoCluster
from demo.errors import DemoError, FolderInUseError, PortTakenError
from demo.faults import Fault, Faults, RequestRecord

__all__ = ["DemoCluster", "DemoError", "Fault", "Faults", "FolderInUseError", "PortTakenError", "RequestRecord"]
