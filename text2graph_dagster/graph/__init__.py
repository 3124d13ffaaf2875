"""What a graph is, how models write it as JSON, and how an answer becomes a legal graph."""
