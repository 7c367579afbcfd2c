"""Audio LLMs: families of transformers behind one face, with their components, batches and generation."""
