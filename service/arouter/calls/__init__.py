"""One chat call: count, admit, plan, reserve, attempt, settle."""
