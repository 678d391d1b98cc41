"""A model card in Markdown, made from the numbers of an evaluation."""
