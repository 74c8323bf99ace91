"""Shows what the forum is beside its halls: its programme, speakers, organisations and exhibition.

Nothing is changed here. Begin with `pages.py`.
"""
