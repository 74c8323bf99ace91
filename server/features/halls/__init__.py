"""Shows one hall, and lets staff close it, change its capacity, clear it or attest places.

A public screen at the hall's door shows its free places and programme.
"""
