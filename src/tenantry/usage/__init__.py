"""Usage: samples of compute sessions, closed bins and the month statistics over them."""
