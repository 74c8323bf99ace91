"""Lets a supervisor act at the door. They unlock, admit in spite of a denial, annul, and end a
shift.

Begin with `supervision.py`. It may use `door`, `journal`, `replica`, `sync` and `texts`.
"""
