"""What a supervisor may do at the door: unlock, admit in spite of a denial, annul, end a shift.

Begin with `supervision.py`. It may use `door`, `journal`, `replica`, `sync` and `texts`.
"""
