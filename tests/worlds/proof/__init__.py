"""The proof of the counter: the places of a hall, for any number of doors.

`model` says what each step does to the numbers, once. z3 proves by it that no step breaks the
invariant (`smt`). The same steps run on plain numbers: beside the real code on random states
(`agreement`), through all states of a small venue (`walk`), and as a model for Spin (`promela`).
docs/design/proof.md says what this proves and what it assumes.
"""
