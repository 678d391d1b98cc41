"""Models learned from tokens: batches, model, losses, the training loop, metrics and checkpoints."""
