"""Current problems that need attention, and who has taken them on. Begin with `sources.py`."""
