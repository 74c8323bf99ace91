"""Pages for changing the venue and people, and for undo."""
