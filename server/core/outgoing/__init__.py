"""Asks other machines over HTTP, with bounds on how long, how much and where.

Begin with `posting.py`. It uses nothing of the server.
"""
