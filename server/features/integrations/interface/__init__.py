"""The HTTP interface: /api/v1, /openapi.json, the probes /healthz and /readyz, and /metrics.

Begin with `routes.py`.
"""
