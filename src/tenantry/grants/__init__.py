"""Grants: who may do what on which database, who says so, and what follows from it."""
