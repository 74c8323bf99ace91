"""Finds attendees, and shows a person's badge, cards and history.

The stores are in `server/core/people`. `server/features/editing` changes people.
"""
