"""The ledger of scans. Begin with `ingest.py`."""
