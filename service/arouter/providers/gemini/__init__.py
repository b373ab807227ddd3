"""The `gemini` wire protocol: Google's generateContent, v1beta, as the Gemini API (not Vertex AI) speaks it."""
