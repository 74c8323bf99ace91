"""Compares what the server says beforehand with what a real kiosk at the door answers then."""
