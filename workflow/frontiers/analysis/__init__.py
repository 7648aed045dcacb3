"""From points and answers to tables of results, one package per question: `frontier`, `trend`, `saturation`,
`architectures`, `outcomes`, `strategies`, and the `checks` of all of them.

`points` makes the points, `differences` compares them, `cap_curves` is what several packages fit. It imports `statistics`,
`compute`, `data` and `core`; it draws nothing.
"""
