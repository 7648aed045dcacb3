"""Statistics that several analyses use: `intervals` of proportions and means, the joint `bootstrap`, `paired` tests,
`clustered_ols`, random `halving`.

Import its modules. Nothing in here knows models, caps or FLOPs; it imports `core` only.
"""
