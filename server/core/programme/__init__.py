"""Holds what a forum is beside its halls: organisations, activities, speakers, and the exhibition.

Everything comes from files (server/features/imports) or pages, and nobody is admitted or refused by
it. Begin with `activities.py`. It may use `venue`, `entry_log`, `feed` and `storage`.
"""
