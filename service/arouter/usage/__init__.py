"""Usage records: one per attempt, with tokens and cost, written in the background."""
