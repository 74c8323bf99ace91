"""A made-up forum (`hallkeeper demo`): a server, and doors that watch films of badges.

`forum` and `people` create the event, `script` lists the presentations and their truth, `film`
draws them, `stage` runs server and kiosks as processes, and `judge` compares the answers with the
truth and the ledger. Kiosks are run, never imported.
"""
