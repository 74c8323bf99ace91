"""Decides at the door, from a code's text to an answer that is on disk.

Begin with `admit.py`. It may use `journal`, `replica`, `sync` and `texts`.
"""
