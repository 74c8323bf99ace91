"""The feed: changes that kiosks must hear of, written with their cause and handed to held
connections.

Begin with `changes.py`. It may use `storage`.
"""
