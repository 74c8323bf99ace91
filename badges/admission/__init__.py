"""The admission decision. Kiosk and server both run `decide(scan, facts)`.

Begin with `decide.py`.
"""
