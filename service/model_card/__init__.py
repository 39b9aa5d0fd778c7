"""The model card: what is said of the model, as data; its numbers are the artifact's."""
