"""Pages for uploading files, previews, and imports."""
