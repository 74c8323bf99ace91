"""Grabs pictures in a thread. The newest wins, and a lost camera comes back by itself.

Begin with `camera.py`. It may use `config`, `pictures` and `texts`.
"""
