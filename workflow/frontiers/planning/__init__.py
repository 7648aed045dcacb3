"""What a study will take before it runs: `study_plan` over `roofline` and `expected_lengths`, and from a plan the
`job_resources` that a scheduler is asked for.

Import its modules; it imports `compute`, `data` and `core`.
"""
