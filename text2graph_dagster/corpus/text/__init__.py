"""Text processing: cleaning, language identification, sentences, packing into passages, quality filters."""
