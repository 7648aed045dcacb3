"""How compute is spent on a problem: one `chain` (extended or not), or a `tree`.

Each yields requests and takes completions; none knows the engine or the journal.
"""
