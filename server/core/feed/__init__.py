"""The feed of changes for kiosks. Begin with `hub.py`."""
