"""What GRPO pays for a completion: components, partial credit, their weighted sum. Shares no code with `metrics`."""
