"""Plays a made-up forum (`hallkeeper demo`) with a server, and doors that watch films of badges
being held up.

`forum` and `people` make the event, `script` says who is shown where and what the truth is, `film`
draws it, `stage` runs server and kiosks as processes, and `judge` compares their answers with the
truth and the ledger. The kiosks are only ever run, never imported.
"""
