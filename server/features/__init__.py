"""One folder for each thing that an organiser or an operator would name.

`__init__.py` says for whom a feature is, and lists its commands. `feature.py` registers its pages
and hooks. `server/app/features.py` has the list of all. A feature uses core, storage and web; the
other features that it may use are listed in `tests/test_house.py`.
"""
