"""One web application for agents, trainers and leads, over the desk and the trainer's room."""
