"""Answers beforehand who would be let in at a door, and how a day would go.

Nobody is admitted and nothing is written. The answers are those of `badges.admission.decide`, on
facts as a kiosk would have them. Begin with `would_enter.py`. It knows nothing of web pages.
"""
