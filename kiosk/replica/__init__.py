"""The kiosk's copy of the server's facts.

Begin with `replica.py`.
"""
