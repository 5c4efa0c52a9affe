"""F6: the command line: one thin file a verb, each loads, calls and saves. The only floor that prints."""
