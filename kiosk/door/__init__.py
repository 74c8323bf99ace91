"""The door's decisions.

Begin with `admit.py`.
"""
