"""The embedded model: llama.cpp's server with the weights of a small model, run as a separate process."""
