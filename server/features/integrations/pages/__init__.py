"""The page for managing tokens and webhooks."""
