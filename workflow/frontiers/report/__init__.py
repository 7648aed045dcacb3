"""What people look at: `figures` and the `explorer` page. It imports `analysis`, `compute`, `config` and `core`; nothing
but scripts imports it.
"""
