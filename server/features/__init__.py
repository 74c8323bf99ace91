"""One folder per feature that an organiser or operator would name.

`__init__.py` lists a feature's commands, `feature.py` registers its pages and hooks,
`server/app/features.py` lists all features. A feature uses core, storage and web, and the features
that `tests/test_house.py` allows.
"""
