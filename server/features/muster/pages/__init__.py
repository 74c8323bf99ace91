"""Serves the muster's pages: its figures, its list, live, and on paper."""
