"""GRPO's parts: trainer, rewards, rollouts, monitor and the choice of the best checkpoint."""
