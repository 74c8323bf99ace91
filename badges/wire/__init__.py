"""Holds what doors and server say to each other, which are typed messages with limits, and how a
kiosk enrols.

Begin with `wire.py`. It may use `badges.credential` and `badges.record`.
"""
