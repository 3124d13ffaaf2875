"""Gate of reward_model: the model ranks the better graph of a pair above the worse one."""

from assets.gates.gate import Gate, Measured, build_gates, measure_dev

REWARD_MODEL_GATES = (
    Gate(
        "pair_accuracy",
        "lower end of the 95 % interval of the pair accuracy",
        "≥",
        lambda s: s.gates.reward_model_min_accuracy,
        lambda scope: Measured(measure_dev(scope, "reward_model", "all_low") or 0.0),
    ),
)

reward_model_gates = build_gates("reward_model", REWARD_MODEL_GATES)
