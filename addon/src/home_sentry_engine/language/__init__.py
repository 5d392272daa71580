"""A language model's opinion of a scene: prompt, sanitiser, budget, reply, backends, supervised child process."""
