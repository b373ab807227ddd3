"""What was used, and what it cost: one record an attempt, written in the background."""
