"""All small worlds: every sequence of acts in a small venue, on the code that runs.

The server's steps and the doors' own classes run on SQLite in memory. A state is kept as bytes, so
that each of its acts begins at the same state. The truth, who is inside, is the explorer's own.
"""
