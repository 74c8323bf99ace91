"""Says what a file that was sent would change. Begin with `roster.py`. Nothing here writes before
somebody has confirmed it.
"""
