"""Tables in, tests, effect sizes and verdicts out; numpy and scipy, never torch.

`table.load` reads results, `compare.compare` analyses them, `verdict.lines` gives the answer as plain data.
`docs/statistics.md` says why each method was chosen.
"""
