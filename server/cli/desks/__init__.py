"""Has the commands for the badge desks, such as `hallkeeper printer`."""
