"""What failed generations cost against successful ones, and what stopping early would have saved: `table` over `ratios`
and `early_stopping`.
"""
