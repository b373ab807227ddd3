"""The health of the endpoints: circuit breakers, and statistics of the last seconds' calls."""
