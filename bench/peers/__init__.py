"""One world, the same questions, every engine that a Python team could pick."""
