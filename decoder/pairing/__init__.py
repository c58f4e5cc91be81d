"""Whose answer: command lines and their commands, what answers them, what was configured."""
