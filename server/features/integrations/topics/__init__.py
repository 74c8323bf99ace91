"""The topics of webhooks, one per file. `table.py` lists them."""
