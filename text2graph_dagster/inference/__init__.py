"""Running a student: loading, prompting, decoding, and the files that make a checkpoint self-contained.

- `checkpoint`: the extraction recipe and the ontologies stored beside the model.
- `base_models`: where a base model is, and its identity; `known_models`, `model_fetching`, `gguf_conversion`: how those
  that are not there are made.
- `loading`, `precision`: loading and saving a model and its tokenizer.
- `chat_template`: prompts as the model's chat template renders them; `answer_format`: the expected form of its answers.
- `batch_generation`: answers to many prompts, the entry point for callers.
- `fast_decoder`, `sampling`, `constraints`: the decoding loop, the choice of a token, and the grammar that limits it.
- `decoder_weights`, `packed_linear`: which models the loop supports, and their weights as it uses them.
"""
