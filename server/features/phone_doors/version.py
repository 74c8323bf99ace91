def files_version() -> str:
    """Return the version of the page's files that phones should have, or "" if this server lacks
    them.
    """
    # Its templates take Jinja, which commands that show no page need not load.
    from kiosk.browser.files import MissingError, phone_files

    try:
        return phone_files().version
    except MissingError:
        return ""
