"""The report: from the tables of a results folder to one self-contained page, its figures and a terminal summary.

`results` reads; `cost`, `coverage`, `provenance` and `verdicts` compute; `figures/` draws, one kind of figure a file;
`sections/` says what stands on the page, one section a file, each with its template; `build` puts the page together and
`summary` prints the verdicts in the terminal.
"""
