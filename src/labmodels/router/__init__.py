"""Which candidate answers: `policy` decides, `loop` asks, `candidates`, `checks` and `cost` are what they look at."""
