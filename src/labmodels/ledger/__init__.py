"""The database of what happened: `record` writes, `queries` reads, `tables` is the schema."""
