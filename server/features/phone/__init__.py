"""Shows attendees their badge and programme on their phone, behind a secret link."""
