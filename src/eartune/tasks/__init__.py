"""Tasks: the prompt, the target that the model learns, and how an answer is parsed and scored."""
