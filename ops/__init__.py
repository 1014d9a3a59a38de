"""What operates a deployment: staging a function, and later setting up and examining a project."""
