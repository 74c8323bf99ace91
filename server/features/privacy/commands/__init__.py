"""Has the commands of `hallkeeper person` and `hallkeeper retention`."""
