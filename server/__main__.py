"""`python -m server` is `hallkeeper`."""

from server.cli.main import main

main(prog_name="hallkeeper")
