"""`python -m badges` is `hallkeeper-badges`."""

from badges.cli.main import main

if __name__ == "__main__":
    main(prog_name="hallkeeper-badges")
