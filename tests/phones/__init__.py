"""Phones as doors in a real Chromium: a real server over TLS, and every fault of a phone."""
