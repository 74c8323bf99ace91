"""The door's decisions: from a code's text to an answer that is on disk.

Begin with `admit.py`.
"""
