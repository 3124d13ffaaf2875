"""What replaced the settings of earlier releases, for error messages about configurations that still have them."""

RENAMED = {
    "dataset.denoise.least_entailment": "dataset.denoise.min_entailment",
    "dataset.held_for_grpo": "dataset.held_out_for_grpo",
    "gates.dataset_per_type": "gates.dataset_min_examples_per_type",
    "gates.grpo_max_length": "gates.grpo_max_length_ratio",
    "grpo.alarms.component_rise": "grpo.alarms.min_component_rise",
    "grpo.alarms.dev_fall": "grpo.alarms.max_dev_drop",
    "grpo.alarms.least_entropy": "grpo.alarms.min_entropy",
    "grpo.alarms.least_items": "grpo.alarms.min_items",
    "grpo.alarms.length_drift": "grpo.alarms.max_length_drift",
    "grpo.least_gain": "grpo.min_gain",
    "grpo.rollouts_kept": "grpo.max_rollouts",
    "grpo.written_at_once": "grpo.generation_batch_size",
    "reasoner.blind_least_f1": "reasoner.blind_min_f1",
    "reasoner.least_characters": "reasoner.min_characters",
    "reasoner.most_characters": "reasoner.max_characters",
    "reasoner.most_repeats": "reasoner.max_repeats",
    "reward_model.draws": "reward_model.training_passages",
    "reward_model.least_confidence": "reward_model.min_confidence",
    "reward_model.measured": "reward_model.eval_passages",
    "reward_model.sampled_pairs": "reward_model.max_sampled_pairs",
    "sft.rename_share": "sft.name_augmentation_share",
}

_CONSTANT = "it is a constant of text2graph_dagster/dataset/denoising now; leave it out"
_NO_GAIN = "it was removed, because no gain was ever measured (docs/log.md); leave it out"

REMOVED = {
    **{
        f"dataset.denoise.{name}": _CONSTANT
        for name in (
            "keep_above",
            "learn_from",
            "least_dev_relations",
            "least_doubted",
            "least_explained",
            "least_explained_by_cues",
            "least_fact_weight",
            "least_gain",
            "least_labels",
            "most_fact_weight",
            "rounds",
        )
    },
    "grpo.credit.pair": _NO_GAIN,
    "grpo.credit.type": _NO_GAIN,
    "grpo.easy_first": _NO_GAIN,
    "grpo.held": _NO_GAIN,
    "server.prefix_caching": "vLLM caches prefixes by default; to turn it off set "
    "extra_args: ['--no-enable-prefix-caching']",
    "server.speculative": "set extra_args: ['--speculative-config', '{…}'] with the same JSON",
}


def find_replacement(path: str) -> str | None:
    """Return advice on a setting of an earlier release, or None if no setting ever had this name.

    Args:
        path: the setting's name with its sections, e.g. ``grpo.least_gain``. Several sections have a
            server, so its settings match at the end of the name.
    """
    if path in RENAMED:
        return f"it is called {RENAMED[path].rpartition('.')[2]} now"
    for name, advice in REMOVED.items():
        if path == name or (name.startswith("server.") and path.endswith(f".{name}")):
            return advice
    return None
