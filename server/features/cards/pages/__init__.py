"""The page for designing cards."""
