"""The kiosks: added, enrolled, moved and fenced; their messages and snapshots. Begin with
`registry.py`.
"""
