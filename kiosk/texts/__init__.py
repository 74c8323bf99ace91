"""The kiosk's texts.

Begin with `messages.py`.
"""
