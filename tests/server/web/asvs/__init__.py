"""What the application security standard asks of the source and of every answer."""
