"""Does what an admin does at the server's console with `hallkeeper`, and starts the server.

Begin with `main.py`. It may use every room but `demo`, which only its own command imports.
"""
