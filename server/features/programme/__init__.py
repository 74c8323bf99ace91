"""Shows the forum beside its halls: activities, speakers, organisations, the exhibition.

Nothing is changed here. The stores are `server/core/programme`.
"""
