"""The command line. One thin file a command: signature, one call, one rendering."""
