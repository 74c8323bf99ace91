"""The card design page's settings file and previews."""
