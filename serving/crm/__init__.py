"""What CRMs call, each by its own contract."""

from serving.crm.routes import crm_routes

__all__ = ["crm_routes"]
