"""Notifies protocol staff of their guests' arrivals.

The store is `server/core/people/protocol_guests.py`.
"""
