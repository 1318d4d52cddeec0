"""The dashboard for admins, /metrics for Prometheus, /healthz and /readyz. Server-rendered, nothing from outside."""

from telemetry.screens.app import create_app

__all__ = ["create_app"]
