"""Pages that predict the doors' answers.

Begin with `pages.py`.
"""
