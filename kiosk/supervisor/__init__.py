"""A supervisor's actions at the door: unlock, override a denial, annul, end a shift.

Begin with `supervision.py`.
"""
