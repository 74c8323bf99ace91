"""Holds the topics of webhooks, each in a file. `table.py` lists them."""
