"""config.yaml: `load` reads and checks it, `schema` and `faults` find mistakes, `study` gives the rules what they read.

Import its modules: `strategies` and `imported` hold what belongs to strategies and to imported logs, `code_digest` says
when a rule's code has changed. Used by the Snakefile and by scripts; it imports `core` only.
"""
