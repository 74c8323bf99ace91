"""Films of badges held before a camera. Begin with `film.py`."""
