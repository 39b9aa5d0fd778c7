"""The statistics: how well a model does on patients of one's own, and updating it."""
