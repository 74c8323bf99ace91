"""Puts the server together: the list of features, the Flask app, its services, and serving."""
