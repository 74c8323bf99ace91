"""Staff's edits described in words, and each user's last edit for undo. Begin with
`last_edit.py`.
"""
