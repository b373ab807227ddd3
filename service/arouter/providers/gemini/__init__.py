"""The `gemini` wire protocol: Google's generateContent, v1beta, of the Gemini API (not Vertex AI)."""
