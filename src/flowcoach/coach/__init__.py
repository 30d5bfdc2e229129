"""The coach: start a workspace, run scripts in it, say what comes next, show the course at work."""
