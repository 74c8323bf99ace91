"""The exchange with the server: scans go up, answers and changes come down, signed and over TLS.

Begin with `upload.py`. Only this package opens connections to servers.
"""
