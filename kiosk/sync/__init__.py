"""Talks with the server. Scans go up, and answers and changes come down, signed and over TLS.

Begin with `upload.py`. Sockets are opened here. It may use `journal`, `replica` and `texts`.
"""
