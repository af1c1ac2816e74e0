"""Jobs: effects outside the database, promised in the commit that needs them and then done."""
