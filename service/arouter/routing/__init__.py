"""From a request to an answer: catalogue, plan, attempts, settlement."""
