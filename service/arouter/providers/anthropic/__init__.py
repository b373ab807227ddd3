"""The `anthropic` wire protocol: Anthropic's Messages API, translated to and from the canonical chat."""
