"""Serves the flag of protocol guests, and the notices of their arrivals.

Begin with `arrivals.py`. The store is `server/people/protocol_guests.py`.
"""
