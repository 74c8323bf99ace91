"""Shows admins the way from an empty event to open doors: a checklist.

Each feature contributes its steps (`Step`). Until the first scan, the home address leads here while
a step blocks the opening.
"""
