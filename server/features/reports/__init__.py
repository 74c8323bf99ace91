"""Reports for staff: people inside, missing people, and items that need attention."""
