"""What a person or a pipeline sees: text, tables, prompts, diffs and the formats of findings. For the command line alone."""
