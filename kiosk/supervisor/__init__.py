"""A supervisor's actions at the door.

Begin with `supervision.py`.
"""
