"""Finds what staff should look at now, and keeps who has taken it on.

Begin with `sources.py`, which lists all alerts for the board, the webhooks and `hallkeeper status`.
"""
