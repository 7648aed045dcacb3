"""Completions logged by other tools, as tables of generations: `import_tables` over `files`, `formats`, `matching` and
`token_counts`; `agreement` compares the log's verdicts with ours.

Import its modules; it imports `generation`, `grading`, `statistics`, `data` and `core`.
"""
