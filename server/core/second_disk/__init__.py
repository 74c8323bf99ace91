"""Copies of the event on a second disk, and detection of a database that was set back. Begin with
`copy.py`.
"""
