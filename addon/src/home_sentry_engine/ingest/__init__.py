"""Where files come from: noticed in camera folders or uploaded, waited for, checked once, handed to the ledger."""
