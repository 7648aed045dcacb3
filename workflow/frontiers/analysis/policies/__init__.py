"""Policies over answers that a study already has: when to stop, whom to ask, judged against the best fixed caps.

Import from here `tabulate` and `POLICIES`. `curves` has the answers as arrays, `rules` what each policy answers and
spends, `judging` the comparison on held-out halves, `table` the table.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(__name__, tabulate="table", POLICIES="rules")
