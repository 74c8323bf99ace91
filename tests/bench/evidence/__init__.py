"""The cost of proving and reading the entry log, and whether any forgery is accepted."""
