"""Answers what staff ask of the records: who is inside, who has not come yet, what one person did,
and what needs a look.
"""
