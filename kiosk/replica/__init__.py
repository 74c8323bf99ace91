"""The kiosk's copy of the server's facts, and its age.

Begin with `replica.py`. Everything in it can be fetched again.
"""
