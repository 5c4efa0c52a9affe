"""Studies: ask people, with the paper's tasks and better statistics (D.4, E.2.1, G.1)."""
