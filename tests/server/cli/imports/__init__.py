"""Commands that read a list of attendees, a venue or a programme."""
