"""The kiosk's journal of scans and places.

Begin with `journal.py`. Of the kiosk, only this package and `replica` use SQL.
"""
