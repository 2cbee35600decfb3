"""The HTTP API under ``/api/v1``, and the three addresses a monitoring system asks for."""

from console.api.routes import routes
from console.api.services import Services

__all__ = ["Services", "routes"]
