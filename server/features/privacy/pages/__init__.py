"""Pages for exporting and erasing a person's data, and for retention periods."""
