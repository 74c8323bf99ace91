"""Code shared by all pages: authentication, forms, languages, limits, security headers. Only web,
doors, app and features use Flask, and they contain no SQL.
"""
