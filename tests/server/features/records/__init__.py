"""Pages and files of entries and acts."""
