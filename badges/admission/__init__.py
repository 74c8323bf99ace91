"""Makes the admission decision. `decide(scan, facts)` is written once, and kiosk and server both
run it.

Begin with `decide.py`. It may use `badges.credential`, `badges.i18n` and `badges.record`.
"""
