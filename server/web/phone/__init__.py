"""Serves attendees their badge, behind a link with a secret."""
