"""What can answer: one file a provider behind one protocol, and `registry`, the table that finds them by name."""
