"""Imports organisers' files: rosters, venues, programmes, exhibitors.

A file is previewed first, and imported completely or not at all. Begin with `roster_import.py`,
`venue_import.py` and `programme/`.
"""

COMMANDS = (
    (
        "sample",
        "commands.sample:sample",
        "Write a sample venue and roster.",
    ),
    (
        "import-venue",
        "commands.roster_and_venue:import_venue",
        "Import halls, doors and sessions.",
    ),
    (
        "import-programme",
        "commands.programme:import_programme",
        "Import a programme: iCalendar, frab, pretalx.",
    ),
    (
        "import-exhibitors",
        "commands.programme:import_exhibitors",
        "Import exhibitors and stands from CSV or XLSX.",
    ),
    (
        "import",
        "commands.roster_and_venue:import_people",
        "Import attendees from CSV or XLSX.",
    ),
)
