"""Answers requests. It has the app, who may do what, limits, and the phone page.

Begin with `app.py`. Flask stands here alone. It calls rooms and holds no SQL.
"""
