"""What is asked of a model, the answer to learn, and how an answer is read and scored."""
