"""Audit: who did what, when and with which outcome."""
