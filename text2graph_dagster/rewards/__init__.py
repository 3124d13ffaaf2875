"""The reward of GRPO: components, partial credit, their weighted sum. Shares no code with `metrics`."""
