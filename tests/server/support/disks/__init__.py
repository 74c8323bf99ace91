"""Disks for a server under test: a second disk, and a disk that soon fills."""
