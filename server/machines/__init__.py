"""Serves other machines: tokens by which they ask, and webhooks by which they are told.

Begin with `tokens.py` and `outbox.py`. It may use `kiosks`, `occupancy`, `venue` and what lies
below. What answers their requests is `server/web/machines`.
"""
