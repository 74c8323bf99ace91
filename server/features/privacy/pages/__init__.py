"""Serves the pages on which people's data is exported and erased, and the clocks of retention."""
