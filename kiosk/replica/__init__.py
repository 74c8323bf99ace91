"""Keeps the kiosk's copy of the server's facts, and how fresh it is.

Begin with `replica.py`. All of it can be fetched again. It may use no other room of the kiosk.
"""
