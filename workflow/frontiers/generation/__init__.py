"""From problems to tables of generations: `job` runs `strategies` on `engines` through the `scheduler` and the `journal`.

A request (`requests`) is what an engine decodes; a strategy asks for one after the other. Import its modules; it imports
`config`, `compute`, `data` and `core`.
"""
