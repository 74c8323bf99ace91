"""The admission decision. Kiosk and server both run `decide(scan, facts)`.

Begin with `decide.py`. May use `badges.credential`, `badges.i18n` and `badges.record`.
"""
