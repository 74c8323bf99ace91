"""Finds what staff should look at now, and keeps who has taken it on.

Begin with `alerts.py`. Features add alerts of their own by their hook (`server/web/feature.py`).
"""
