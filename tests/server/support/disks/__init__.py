"""Disks that tests give a server: a second one, and one that is soon full."""
