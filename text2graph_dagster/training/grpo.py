"""Group-relative policy optimisation (GRPO): `python -m text2graph_dagster.training.grpo --config run.json`.

Samples several answers to each prompt from the SFT student and makes those with a higher reward more likely (Shao et
al. 2024; token-level loss and asymmetric clipping from DAPO, Yu et al. 2025). The model that is best on the dev
examples is written; if no tuned model is better than the SFT student, this is the SFT student itself. Resumes in the
same way as sft.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow

from text2graph_dagster.errors import UserError
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.program import Stopwatch, run_program, set_threads, silence_trainer, work_offline
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import GrpoSettings, Settings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.model_files import write_model_files
from text2graph_dagster.training.rl.monitor import RunMonitor
from text2graph_dagster.training.train_once import train_once
from text2graph_dagster.training.trainer_setup import (
    make_adamw,
    split_batch,
    train_or_resume,
    trainer_arguments,
    with_schedule,
)

PROGRAM = "grpo"
_ROW_TYPES = {"prompt": pyarrow.string(), "index": pyarrow.int64()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    return run_program(_run, arguments, "Tune a fine-tuned student with GRPO.")


def _run(path: Path, reporter: Reporter) -> None:
    config = read_config(TrainingConfig, path)
    if config.base is None:
        raise UserError(f"{path} has no base: set it to the model directory that sft has written.")
    work_offline(config.base)
    train_once(PROGRAM, config, reporter, train, ("student", "grpo", "reward_model"), write_model_files)


def train(config: TrainingConfig, output: OutputDirectory, reporter: Reporter) -> dict[str, Any]:
    """Train the student and write the best model to `output.finished`; return its entries of run.json.

    Raises:
        UserError: no prompt is short enough.
    """
    from text2graph_dagster.inference.loading import describe_model, load_student, save_student
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.model.adapters import add_lora, export_model

    settings, stopwatch = config.settings, Stopwatch()
    lora, threads = settings.student.lora, set_threads(settings.grpo.threads)
    examples, ontologies = read_examples(config.train, settings, output.arrow), config.load_ontologies()
    # For vLLM, TRL merges the adapters into the weights at every step; in bfloat16, each merge would lose precision.
    model, tokenizer = load_student(config.source, None if settings.grpo.use_vllm else lora)
    steps = output.last_step()
    reporter.record_to(output.metrics, steps)
    monitor = RunMonitor(settings.grpo.alarms)
    monitor.replay(reporter.points)
    selection = _start_selection(model, tokenizer, config, ontologies, output, reporter)
    if settings.grpo.max_steps and not monitor.fatal:
        if lora:
            model = add_lora(model, lora, settings.seed)
        chosen = choose_examples(examples, tokenizer, settings)
        reward = make_reward(chosen, ontologies, settings, config.reward_model)
        trainer = make_trainer(model, tokenizer, reward, settings, output, reporter, monitor)
        if selection:
            trainer.add_callback(selection)
        train_or_resume(trainer, output)
        model, steps = trainer.model, trainer.state.global_step
    if monitor.fatal and not selection:  # without dev examples, the starting model is the best one known
        model, tokenizer = load_student(config.source)
    summary = {"model": describe_model(model), "examples": len(examples), "steps": steps, **monitor.summarise()}
    kept: dict[str, Any] = {"step": 0 if monitor.fatal else steps, "dev": None}
    if selection:
        kept = selection.best.copy_to(output.finished)
    else:
        save_student(export_model(model, config.source), tokenizer, output.finished)
    summary |= {"kept_step": kept["step"], "improved_on_dev": bool(selection) and kept["step"] > 0, "dev": kept["dev"]}
    return {**summary, "threads": threads, **stopwatch.read()}


def _start_selection(
    model: Any,
    tokenizer: Any,
    config: TrainingConfig,
    ontologies: Mapping[str, Ontology],
    output: OutputDirectory,
    reporter: Reporter,
) -> Any:
    """Return the callback that keeps the best model on dev, starting with `model`; None without dev examples."""
    from text2graph_dagster.training import dev_evaluation
    from text2graph_dagster.training.best_checkpoint import make_selection, space_checks

    settings, dev = config.settings, dev_evaluation.read_dev_examples(config.dev, config.settings)
    if not dev:
        return None

    grpo = settings.grpo
    steps = space_checks(grpo.max_steps, grpo.dev_checks)
    selection = make_selection(tokenizer, dev, ontologies, steps, config, output, reporter, min_gain=grpo.min_gain)
    conditions = dev_evaluation.digest_conditions(config.dev, config.ontologies, settings)
    selection.begin(model, dev_evaluation.find_base_evaluation(config.base, conditions))
    return selection


def choose_examples(examples: Sequence[Example], tokenizer: Any, settings: Settings) -> list[Example]:
    """Return the examples to prompt with, in training order, with invented names if SFT used name augmentation.

    In this case every example gets invented names, since rewarding names that SFT has seen would reward memorisation.
    """
    from text2graph_dagster.training.data.curriculum import choose_prompts
    from text2graph_dagster.training.data.examples import tokenise_examples
    from text2graph_dagster.training.data.name_augmentation import NameAugmenter
    from text2graph_dagster.training.student_defaults import choose_name_augmentation_share

    grpo, max_length = settings.grpo, settings.sft.max_length
    max_prompt = max(max_length - grpo.max_completion_length, max_length // 2)
    short = [t.index for t in tokenise_examples(examples, tokenizer) if len(t.prompt) <= max_prompt]
    chosen = [examples[i] for i in choose_prompts(short, examples, grpo, settings.seed)]
    if choose_name_augmentation_share(settings):
        chosen = list(NameAugmenter(examples).augment(chosen, 1.0, settings))
    return chosen


def make_reward(
    examples: Sequence[Example], ontologies: Mapping[str, Ontology], settings: Settings, reward_model: Path | None
) -> Any:
    """Return the reward function; the reward model scores answers to examples with an untrusted graph."""
    from text2graph_dagster.training.rl.reward_scorer import load_scorer
    from text2graph_dagster.training.rl.trl_reward import TrlReward

    scorer = load_scorer(reward_model, settings) if reward_model else None
    return TrlReward(examples, ontologies, settings.grpo, settings.dataset.thinking, scorer)


def make_trainer(
    model: Any,
    tokenizer: Any,
    reward: Any,
    settings: Settings,
    output: OutputDirectory,
    reporter: Reporter,
    monitor: RunMonitor,
) -> Any:
    """Return a TRL trainer over the reward's examples; it samples with the fast decoder if that supports the model."""
    from text2graph_dagster.inference.chat_template import render_prompts
    from text2graph_dagster.inference.decoder_weights import has_fast_decoder
    from text2graph_dagster.training.callbacks import AlarmCallback, ReportCallback
    from text2graph_dagster.training.cpu_speed import uses_bfloat16
    from text2graph_dagster.training.data.arrow_files import write_rows
    from text2graph_dagster.training.model.adapters import upcast_trained_weights
    from text2graph_dagster.training.rl.grpo_trainer import LeanGRPOTrainer
    from text2graph_dagster.training.rl.rollouts import RolloutFile
    from text2graph_dagster.training.student_defaults import choose_grpo_rate

    grpo, optimizer = settings.grpo, make_adamw(model, choose_grpo_rate(settings))
    prompts = render_prompts([example.prompt for example in reward.examples], tokenizer)
    rows = ({"prompt": prompt, "index": i} for i, prompt in enumerate(prompts))
    rollouts = RolloutFile(output.rollouts, grpo, output.last_step())
    fast = has_fast_decoder(model) and not grpo.use_vllm
    trainer = LeanGRPOTrainer(
        model=model,
        reward_funcs=[reward],
        args=make_arguments(grpo, settings.seed, output, uses_bfloat16(model, settings.student)),
        train_dataset=write_rows(rows, output.arrow / "prompts.arrow", _ROW_TYPES),
        processing_class=tokenizer,
        optimizers=with_schedule(optimizer, steps=grpo.max_steps, warmup_steps=grpo.warmup_steps),
        callbacks=[ReportCallback(reporter, PROGRAM), AlarmCallback(monitor, reporter)],
        rollout_func=make_rollout(tokenizer, grpo, settings.seed) if fast else None,
    )
    trainer.generation_batch_size = grpo.generation_batch_size
    trainer.on_advantages = lambda step, advantages: rollouts.append(step, reward.scored, advantages)
    return silence_trainer(upcast_trained_weights(trainer))


def make_rollout(tokenizer: Any, grpo: GrpoSettings, seed: int) -> Any:
    """Return the function through which TRL samples completions.

    Samples depend on the seed and the step only, so a resumed run draws the same samples.
    """
    import torch

    from text2graph_dagster.inference.batch_generation import continue_prompts

    def sample_completions(prompts: list[str], trainer: Any) -> dict[str, list[Any]]:
        """Sample `generations` completions per prompt; TRL repeats every prompt that many times in a row."""
        distinct = prompts[:: grpo.generations]
        ids = tokenizer(distinct, add_special_tokens=False)["input_ids"]
        policy = trainer.accelerator.unwrap_model(trainer.model)
        policy.eval()
        answers = continue_prompts(
            policy,
            tokenizer,
            ids,
            max_new_tokens=grpo.max_completion_length,
            samples=grpo.generations,
            temperature=grpo.temperature,
            generator=torch.Generator().manual_seed(seed * 1_000_003 + trainer.state.global_step),
        )
        policy.train()
        prompt_ids = [p for p in ids for _ in range(grpo.generations)]
        return {"prompt_ids": prompt_ids, "completion_ids": answers.tokens, "logprobs": answers.log_probabilities}

    return sample_completions


def make_arguments(grpo: GrpoSettings, seed: int, output: OutputDirectory, bfloat16: bool) -> Any:
    """Return TRL's configuration."""
    from trl import GRPOConfig

    return GRPOConfig(
        **trainer_arguments(output, seed, steps=grpo.max_steps, save_steps=grpo.save_steps, bfloat16=bfloat16),
        **split_batch(grpo.prompts_per_step * grpo.generations, grpo.micro_batch),
        num_generations=grpo.generations,
        max_completion_length=grpo.max_completion_length,
        temperature=grpo.temperature,
        shuffle_dataset=False,
        loss_type=grpo.loss_type,
        beta=grpo.beta,
        epsilon=grpo.epsilon,
        epsilon_high=grpo.epsilon_high,
        scale_rewards=grpo.scale_rewards,
        mask_truncated_completions=True,
        use_vllm=grpo.use_vllm,
        vllm_mode="colocate",
    )


if __name__ == "__main__":
    sys.exit(main())
