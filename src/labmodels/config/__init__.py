"""What is declared: YAML with positions, schema, layers, chains, checks and diagnostics. Nothing here knows what is live."""
