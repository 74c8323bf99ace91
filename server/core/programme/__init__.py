"""The forum's programme: organisations, activities, speakers and the exhibition. Begin with
`activities.py`.

It comes from imported files (server/features/imports) and pages. It does not affect admission.
"""
