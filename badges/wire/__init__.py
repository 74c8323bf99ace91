"""The messages between doors and server, with their limits, and a kiosk's enrolment.

Begin with `wire.py`.
"""
