"""Holds the commands that import programmes and exhibitors, and says what an import would do."""
