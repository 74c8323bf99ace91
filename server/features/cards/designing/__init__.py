"""Has what the page needs on which cards are designed, which is their settings as a file, and
previews.
"""
