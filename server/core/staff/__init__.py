"""Users of the pages, passwords, sessions, PINs of supervisors, and dual control. Begin with
`users.py`.
"""
