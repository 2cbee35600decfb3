"""What a container would do if it ran: work, crash for a reason, or never start.

Derived from its spec and its surroundings, so that a fix (a rollback, the missing Service) really fixes it:
DATABASE_HOST naming no Service crashes a container; a tag that says it is missing cannot be pulled.
"""

from demo import resources
from demo.objects import Obj, namespace_of
from demo.store import Store

_MISSING_TAGS = ("missing", "does-not-exist", "nonexistent")


def missing_database(pod: Obj, container: Obj, store: Store) -> str | None:
    """The host the container cannot find, or None when nothing keeps it from working."""
    host = database_host(container)
    if host is None or store.get(resources.SERVICES, namespace_of(pod), host.partition(".")[0]) is not None:
        return None
    return host


def database_host(container: Obj) -> str | None:
    found = (item.get("value") for item in container.get("env", []) if item["name"] == "DATABASE_HOST")
    return next(found, None)


def cannot_be_pulled(image: str) -> bool:
    return any(word in image.rpartition(":")[2] for word in _MISSING_TAGS)
