"""The graph: its model, its JSON forms, parsing an answer, and the legality filter."""
