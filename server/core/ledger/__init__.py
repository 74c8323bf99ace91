"""Keeps the ledger. Every scan of every kiosk stands in it once, with all that follows from it in
the same commit.

Begin with `ingest.py`. It may use `kiosks`, `occupancy`, `people`, `venue` and what lies below.
"""
