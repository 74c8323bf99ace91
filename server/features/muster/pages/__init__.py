"""The muster's pages: figures, list, live updates, and print."""
