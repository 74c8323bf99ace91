"""Makes what is printed, which are cards as PDF and PNG, their fonts, and QR symbols.

Begin with `card.py`. The layout is in `templates/`. It may use `badges.credential` and
`badges.roster`.
"""
