"""Assembles the server: the list of features, the Flask app, its services, and serving."""
