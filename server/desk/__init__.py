"""Does what clerks do at the badge desk, each act once, in one transaction, and tells how quickly.

Begin with `acts.py`. A form is done once, however often it is sent, and not at all where somebody
else has acted on the same person since it was made. It uses `people` for badges, and `printers` for
print jobs. Nothing here knows of Flask or of words in two languages.
"""
