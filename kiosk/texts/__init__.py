"""The kiosk's texts: codes of messages with fields, and catalogues of languages.

Begin with `messages.py`.
"""
