"""What both engines share: the writer's steps, its memo, and its state."""
