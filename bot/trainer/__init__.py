"""For trainers: train the assistant from its data, and measure how well it reads messages."""
