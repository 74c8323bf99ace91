"""What doors and server say to each other: typed messages, their limits, and how a kiosk enrols.

Begin with `wire.py`. It may use `badges.credential` and `badges.record`.
"""
