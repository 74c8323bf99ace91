"""Tells what the event has about one person, exports and erases it, and ends records in time."""
