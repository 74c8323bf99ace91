"""Halls inside halls: three kiosks with their real code, and the server."""
