"""How the endpoints are doing: breakers, and what the calls of the last seconds were like."""
