"""The teacher that needs no model: distant supervision from a knowledge base.

`knowledge` reads the file. `aliases` and `literals` find its names, dates and numbers in a text, `linking` decides
which entity a name means, and `evidence` which sentences may state a relation. `teacher` combines these steps.
"""
