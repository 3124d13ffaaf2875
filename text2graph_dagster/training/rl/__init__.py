"""GRPO's parts: trainer, reward, rollouts, alarms, and the selection of the best checkpoint."""
