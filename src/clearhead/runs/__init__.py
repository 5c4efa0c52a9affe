"""F5: a run and its steps, from Python: all that the commands do."""
