"""The page for sending mails to attendees."""
