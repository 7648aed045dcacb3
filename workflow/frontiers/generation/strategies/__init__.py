"""How compute is spent on a problem: one `chain` (extended or not), or a `tree`.

A strategy yields requests and receives completions; it knows neither engine nor journal.
"""
