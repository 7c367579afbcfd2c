"""Export of a trained model: merged, in the hub's layout, checked with plain transformers, with a model card."""
