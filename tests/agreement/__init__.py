"""Compares the server's predicted answer with the answer of a real kiosk at the door."""
