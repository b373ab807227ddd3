"""The dialect of Gemini's `generateContent`."""
