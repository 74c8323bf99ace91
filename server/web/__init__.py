"""Code shared by all pages: authentication, forms, languages, limits, security headers. It contains
no SQL.
"""
