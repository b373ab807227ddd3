"""The models there are: configured, from the providers' own lists, and what is known of them."""
