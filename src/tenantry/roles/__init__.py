"""Roles: named sets of privileges and permissions, which users hold and roles inherit."""
