"""Shows organisers the way from an empty event to open doors: a checklist, for admins.

Each feature contributes its steps (`Step`). Until the first scan, the home address leads here while
a step that blocks the opening is not done.
"""
