"""The schema, step by step; each step only goes forward and works under the previous release."""
