"""The cost of a study before it runs: `study_plan` over `roofline` and `expected_lengths`, and from a plan the
`job_resources` to request from a scheduler.

Import its modules; it imports `compute`, `data` and `core`.
"""
