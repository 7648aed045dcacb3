"""The small models shipped in data/pocket/: the `world` their problems are drawn from, `training` and its recipes.

Used by `train_pocket` and `draw_pocket` only; a study reads the shipped files. It imports `generation`, `grading`,
`compute`, `data` and `core`.
"""
