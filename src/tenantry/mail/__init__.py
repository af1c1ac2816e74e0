"""Mail: what is written to people outside, and the port through which it goes."""
