"""Shows the forum's activities, speakers, organisations and exhibition.

Read-only. The stores are in `server/core/programme`.
"""
