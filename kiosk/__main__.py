"""`python -m kiosk` is `hallkeeper-kiosk`."""

from kiosk.cli.main import main

if __name__ == "__main__":
    main(prog_name="hallkeeper-kiosk")
