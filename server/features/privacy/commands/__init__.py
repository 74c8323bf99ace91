"""The commands `hallkeeper person` and `hallkeeper retention`."""
