"""The talk with the server: scans go up, answers and changes come down, signed and over TLS.

Begin with `upload.py`. Sockets are opened here. It may use `journal`, `replica` and `texts`.
"""
