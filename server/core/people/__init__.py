"""Attendees and their badges: register, find, issue, replace and revoke. Begin with
`attendees.py`.
"""
