"""Pages of reports: people inside a hall, missing people, and items that need attention."""
