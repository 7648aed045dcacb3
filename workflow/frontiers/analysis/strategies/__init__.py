"""One answer made of several samples, and the comparison of strategies. Import from here `combined_answers`,
`costs_of_samples`, `costs_of_trees` and `tabulate`.

`expected_choice` has the chances, `answers` the rows of the table `answers`, `table` the comparison.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    combined_answers="answers",
    costs_of_samples="answers",
    costs_of_trees="answers",
    tabulate="table",
)
