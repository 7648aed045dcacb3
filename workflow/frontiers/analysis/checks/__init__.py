"""Checks of a finished study, independent of the code that made its tables: `study` over all tables, `answers` over single
answers; `check` is the form in which each reports.
"""
