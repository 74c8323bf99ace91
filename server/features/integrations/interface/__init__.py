"""Answers integrations: the HTTP interface under /api/v1, its description at /openapi.json, the
probes /healthz and /readyz, and /metrics.

Begin with `routes.py`.
"""
