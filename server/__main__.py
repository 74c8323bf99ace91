"""`python -m server` is `hallkeeper`."""

from server.cli import main

main(prog_name="hallkeeper")
