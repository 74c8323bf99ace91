"""What is made once for all tests, because to make it for each takes most of the time."""
