"""Tells protocol staff when their guests arrive.

The store is `server/core/people/protocol_guests.py`.
"""
