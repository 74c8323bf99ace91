"""An event's directory (settings, keys and certificate), its lock, and the server's clock. Begin
with `directory.py`.
"""
