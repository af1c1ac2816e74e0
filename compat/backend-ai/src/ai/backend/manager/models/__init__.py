"""The words for what a user may and whether a user may log in."""
