"""Training with a data loader whose worker processes write batches into shared memory."""
