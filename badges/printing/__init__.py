"""What is printed: cards as PDF and PNG, their fonts, and QR symbols.

Begin with `card.py`; the layout is in `templates/`. It may use `badges.credential`
and `badges.roster`.
"""
