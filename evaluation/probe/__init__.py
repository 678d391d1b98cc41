"""Which encoder, layer and pooling separates real from fake: linear probes on a sample of the training split."""
