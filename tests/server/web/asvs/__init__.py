"""The application security standard's requirements for the source and for every answer."""
