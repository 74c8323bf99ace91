"""What answers requests: the app, who may do what, limits, and the phone page.

Begin with `app.py`, which alone wires the rooms. Flask stands here alone. It calls rooms and holds
no SQL.
"""
