"""Shows one hall, and lets staff close it, change its capacity, clear it or attest places."""
