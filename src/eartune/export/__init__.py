"""Taking a model away: merged, in the hub's layout, checked by plain transformers, with a card."""
