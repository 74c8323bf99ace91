"""Keeps the kiosk's own scans and places on disk before any light.

Begin with `journal.py`. SQL stands here and in `replica`. It may use `config` and `texts`.
"""
