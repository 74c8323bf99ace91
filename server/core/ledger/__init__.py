"""The ledger: every scan of every kiosk, once, with all its consequences in the same commit. Begin
with `ingest.py`.
"""
