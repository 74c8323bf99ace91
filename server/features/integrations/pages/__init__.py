"""Serves the page on which admins manage tokens and webhooks."""
