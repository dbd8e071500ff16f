"""The parts of a task's section, one a file."""
