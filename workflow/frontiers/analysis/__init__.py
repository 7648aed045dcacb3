"""From points and answers to tables of results, one package per question: `frontier`, `trend`, `saturation`,
`architectures`, `outcomes`, `strategies`; the `findings` of all of them in sentences, and their `checks`.

`points` and `published_points` make the points, `differences` compares them, `difficulty` splits their problems,
`cap_curves` holds the curves that several packages fit. It imports `statistics`, `compute`, `data` and `core`; `report`
draws the figures.
"""
