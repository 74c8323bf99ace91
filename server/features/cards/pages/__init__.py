"""Serves the page on which cards are designed."""
