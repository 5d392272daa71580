"""Ways to reach a language model: a child process, a llama.cpp server, an OpenAI-compatible server, or none."""
