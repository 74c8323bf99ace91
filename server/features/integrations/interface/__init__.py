"""Answers integrations: the HTTP interface under /api/v1, its description at /openapi.json, the
probes /healthz and /readyz, and figures at /metrics.

Begin with `routes.py`. Every route is declared there once, and the description is made from that.
"""
