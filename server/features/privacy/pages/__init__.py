"""Pages for exporting and erasing personal data, and for retention periods."""
