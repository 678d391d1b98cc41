"""`unmask bundle`: a run in a folder that stands alone, with its model card, and its upload to the model hub."""
