"""What is injected into the assets: settings, warehouse, teacher, reasoner, training launcher."""
