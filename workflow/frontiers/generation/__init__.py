"""From problems to tables of generations: `job` runs `strategies` on `engines` through the `scheduler` and the `journal`.

Engines decode requests (`requests`), which strategies make one after the other. Import its modules; it imports
`config`, `compute`, `data` and `core`.
"""
