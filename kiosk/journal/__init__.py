"""The kiosk's own scans and places, on disk before any light.

Begin with `journal.py`. Of the kiosk, only this package and `replica` use SQL.
"""
