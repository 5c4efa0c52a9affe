"""F0: what every floor above stands on: errors, rows, scaling, artifacts, findings, progress, seeds, ranks."""
