"""The lm-eval bridge: tasks and documents, scores, models, and the runner that writes a run."""
