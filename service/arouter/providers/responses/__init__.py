"""OpenAI's Responses API as a provider's wire: for requests of that dialect, and for models without another one."""
