"""The embedded model: llama.cpp's own server with the weights of a small model, as a process of its own."""
