"""`hallkeeper`: what an admin does at the server's console, and the server's start.

Begin with `main.py`. It may use every room but `demo`, which only its own command imports.
"""
