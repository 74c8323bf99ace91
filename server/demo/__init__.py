"""A fictitious forum (`hallkeeper demo`): a server, and doors that watch films of badges.

`forum` creates the event, `script` lists presentations and right answers, `film` draws them,
`stage` runs server and kiosks as processes, and `judge` compares the answers.
"""
