"""The demo's forum: its venue, people and names. Begin with `forum.py`."""
