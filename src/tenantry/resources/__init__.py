"""Resource policies: how much users and their access keys may take."""
