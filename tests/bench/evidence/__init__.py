"""What it costs to prove the entry log, to read it, and whether anything forged gets through."""
