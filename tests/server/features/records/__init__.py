"""Pages and files of what happened."""
