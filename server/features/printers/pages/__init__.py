"""The pages of the desks' printers: state, jobs and settings.

Begin with `pages.py`.
"""
