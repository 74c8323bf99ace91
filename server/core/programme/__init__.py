"""The forum's programme: organisations, activities, speakers and the exhibition. It does not affect
admission. Begin with `activities.py`.
"""
