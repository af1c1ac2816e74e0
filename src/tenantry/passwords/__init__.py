"""Passwords: policy and the hashing port."""
