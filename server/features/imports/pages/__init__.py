"""Serves the pages on which staff upload files, look at previews, and import."""
