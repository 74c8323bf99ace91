"""A made-up forum (`hallkeeper demo`): a server, and doors that watch films of badges.

`forum` creates the event, `script` lists the presentations and their right answers, `film` draws
them, `stage` runs server and kiosks as processes, and `judge` compares the answers with the script
and the ledger. Kiosks are run, never imported.
"""
