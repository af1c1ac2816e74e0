"""Password policies: what each tenant asks of passwords, and who does not comply."""
