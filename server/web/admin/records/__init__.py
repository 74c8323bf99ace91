"""Serves the records of what happened, entries and acts, as pages and files."""
