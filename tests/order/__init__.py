"""Which tests are slow, which wait, and who of the processes begins with which."""
