"""One answer made of several (`expected_choice`, `answers`), and the `table` that compares strategies."""
