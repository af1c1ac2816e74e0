"""Who may do what in which database: one engine, pure, in memory.

``docs/explanation/decisions.md`` tells how it works.
"""
