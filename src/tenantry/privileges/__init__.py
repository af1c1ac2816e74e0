"""What may be done in databases: the privileges, and the objects that they are on."""
