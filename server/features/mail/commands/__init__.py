"""The commands `hallkeeper links` and `hallkeeper mail`."""
