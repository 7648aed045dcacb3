"""Dense, mixture of experts and hybrid models at equal compute and at equal accuracy: `table` over `matched_curves` and
`regression`.
"""
