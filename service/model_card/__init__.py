"""The model card: what is said of the model; its numbers are the artifact's."""
