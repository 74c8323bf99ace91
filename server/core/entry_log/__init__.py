"""The entry log. Begin with `entry_log.py`."""
