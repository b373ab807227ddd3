"""The `messages` dialect: Anthropic's Messages API for clients, translated to and from the canonical chat."""
