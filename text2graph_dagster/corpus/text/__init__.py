"""What is done to text: cleaning, language, sentences, packing into passages, quality filters."""
