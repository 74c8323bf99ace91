"""Shows the page on which admins give other machines tokens, and say where webhooks go."""
