"""Has the commands that give attendees their links, mails and passes."""
