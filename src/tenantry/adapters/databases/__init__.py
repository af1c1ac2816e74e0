"""Servers that hold managed databases: their privileges as tables of data, and their connectors."""
