"""Answers what staff ask of the records: who is inside, who has not come, what needs a look."""
