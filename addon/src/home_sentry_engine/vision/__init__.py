"""Vision: catalogue of models, their files, their sessions, the tasks they do, and the detector in use."""
