"""Where files come from: noticed in camera folders, waited for, checked once, handed to the ledger."""
