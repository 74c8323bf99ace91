"""Serves the page on which mails to attendees are sent."""
