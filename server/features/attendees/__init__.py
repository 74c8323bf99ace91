"""Finds attendees, and shows one person's badge, cards and story.

The stores are `server/core/people`. A person is changed by `server/features/editing`.
"""
