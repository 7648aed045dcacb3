"""Pure functions of the Reasoning Frontiers study, one package per stage; nothing in here knows Snakemake.

From the ground up: `core`; `statistics`, `config`, `data`; `compute`; `planning`, `generation`, `grading`; `log_import`,
`pocket`, `analysis`; `report`. A package imports from those before it only, which `tests/test_imports.py` checks.
"""
