"""One file a format of findings; each has `render(report, paint) -> str`, the whole output with its final newline."""
