"""Group-relative policy optimisation: `python -m text2graph_dagster.training.grpo --config run.json`.

Lets the fine-tuned student write several answers to each prompt and moves it towards those with more reward (Shao et
al. 2024; token-level loss and asymmetric clipping from DAPO, Yu et al. 2025). What is written out is the best model on
the dev passages, which is the fine-tuned one if none beats it. Resumes like sft.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow

from text2graph_dagster.errors import UserError
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.program import Stopwatch, run_program, set_threads, silence_trainer, work_offline
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import GrpoSettings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.export import publish
from text2graph_dagster.training.rl.monitor import Watch
from text2graph_dagster.training.run import adamw, arguments, in_parts, make_once, scheduled

PROGRAM = "grpo"
_ROW = {"prompt": pyarrow.string(), "index": pyarrow.int64()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    return run_program(_train, arguments, "Reinforce a fine-tuned student.")


def _train(path: Path, reporter: Reporter) -> None:
    config = read_config(TrainingConfig, path)
    if config.base is None:
        raise UserError(f"{path} names no base: reinforcement starts from the model that sft has made.")
    work_offline(config.base)
    make_once(PROGRAM, config, reporter, reinforce, ("student", "grpo", "reward_model"), publish)


def reinforce(config: TrainingConfig, output: OutputDirectory, reporter: Reporter) -> dict[str, Any]:
    """Train, and write the best model to `output.finished`; return what run.json says about it.

    Raises:
        UserError: no prompt is short enough.
    """
    from text2graph_dagster.inference.loading import describe_model, load_student, save_student
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.dev_evaluation import measure, measured_before, read_dev
    from text2graph_dagster.training.model.adapters import merged, with_lora
    from text2graph_dagster.training.rl.best_checkpoint import Best, SelectionCallback

    settings, watch = config.settings, Stopwatch()
    grpo, threads = settings.grpo, set_threads(settings.grpo.threads)
    examples = read_examples(config.train, settings, output.arrow)
    dev, ontologies = read_dev(config), config.load_ontologies()
    base, lora = config.base or "", settings.student.lora
    # TRL merges adapters into the weights, step by step, for vLLM to sample with: in bfloat16 they would wear off.
    model, tokenizer = load_student(base, None if grpo.use_vllm else lora)
    steps = output.last_step()
    reporter.record_to(output.metrics, steps)
    alarms = Watch(grpo.alarms)
    alarms.replay(reporter.points)

    def whole(trained: Any) -> Any:
        return merged(trained, lambda: load_student(base)[0])

    def save(student: Any, directory: Path) -> None:
        save_student(student, tokenizer, directory)

    def look(student: Any) -> dict[str, float]:
        return measure(student, tokenizer, dev, ontologies, settings, reporter)

    best = Best(output.partial / "best", save, grpo.min_gain)
    selection = SelectionCallback(best, look, whole, grpo, reporter)
    if dev:
        selection.begin(model, measured_before(config))
    if grpo.max_steps and not alarms.fatal:
        if lora:
            model = with_lora(model, lora, settings.seed)
        trainer = make_trainer(config, model, tokenizer, examples, ontologies, output, reporter, alarms)
        if dev:
            trainer.add_callback(selection)
        checkpoint = output.last_checkpoint()
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        model, steps = trainer.model, trainer.state.global_step
    if alarms.fatal and not dev:  # there is no better model to go back to than the one that the run began with
        model, tokenizer = load_student(base)
    if not dev:
        save(whole(model), output.finished)
    no_choice: dict[str, Any] = {"step": 0 if alarms.fatal else steps, "dev": None}
    kept = best.move_to(output.finished) if dev else no_choice
    return {
        "model": describe_model(model),
        "examples": len(examples),
        "steps": steps,
        "alarms": [asdict(alarm) for alarm in alarms.rung.values()],
        "stopped_by": alarms.fatal.name if alarms.fatal else None,
        "kept_step": kept["step"],
        "improved_on_dev": bool(dev) and kept["step"] > 0,
        "dev": kept["dev"],
        "threads": threads,
        **watch.read(),
    }


def make_trainer(
    config: TrainingConfig,
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    ontologies: Mapping[str, Ontology],
    output: OutputDirectory,
    reporter: Reporter,
    alarms: Watch,
) -> Any:
    """Return a TRL trainer whose completions come from the fast decoder where it fits the model."""
    from text2graph_dagster.inference.chat_template import render_prompts
    from text2graph_dagster.inference.fast_decoder import has_fast_decoder
    from text2graph_dagster.training.callbacks import AlarmCallback, ReportCallback
    from text2graph_dagster.training.data.arrow_files import from_rows
    from text2graph_dagster.training.data.curriculum import choose_prompts
    from text2graph_dagster.training.data.examples import tokenise
    from text2graph_dagster.training.data.name_augmentation import Renamer
    from text2graph_dagster.training.model.adapters import trained_in_full
    from text2graph_dagster.training.rl.grpo_trainer import Trainer
    from text2graph_dagster.training.rl.reward_scorer import load_judge
    from text2graph_dagster.training.rl.rollouts import Rollouts
    from text2graph_dagster.training.rl.trl_reward import Rewarder
    from text2graph_dagster.training.student_defaults import grpo_rate, name_augmentation_share

    settings, grpo = config.settings, config.settings.grpo
    longest = max(settings.sft.max_length - grpo.max_completion_length, settings.sft.max_length // 2)
    short = [t.index for t in tokenise(examples, tokenizer) if len(t.prompt) <= longest]
    course = [examples[i] for i in choose_prompts(short, examples, grpo, settings.seed)]
    if name_augmentation_share(settings):  # all of them: a reward for names that SFT taught is a reward for remembering
        course = list(Renamer(examples).rename_some(course, 1.0, settings))
    prompts = render_prompts([example.prompt for example in course], tokenizer)
    rows = ({"prompt": prompt, "index": i} for i, prompt in enumerate(prompts))
    judge = load_judge(config.reward_model, settings) if config.reward_model else None
    rewarder = Rewarder(course, ontologies, grpo, settings.dataset.thinking, judge)
    rollouts = Rollouts(output.rollouts, grpo, output.last_step())

    fast = has_fast_decoder(model) and not grpo.use_vllm
    trainer = Trainer(
        model=model,
        reward_funcs=[rewarder],
        args=make_arguments(grpo, settings.seed, output),
        train_dataset=from_rows(rows, output.arrow / "prompts.arrow", _ROW),
        processing_class=tokenizer,
        optimizers=scheduled(adamw(model, grpo_rate(settings)), steps=grpo.max_steps, warmup_steps=grpo.warmup_steps),
        callbacks=[ReportCallback(reporter, PROGRAM), AlarmCallback(alarms, reporter)],
        rollout_func=make_rollout(tokenizer, grpo, settings.seed) if fast else None,
    )
    trainer.generation_batch_size = grpo.generation_batch_size
    trainer.keep = lambda step, advantages: rollouts.keep(step, rewarder.scored, advantages)
    return silence_trainer(trained_in_full(trainer))


def make_rollout(tokenizer: Any, grpo: GrpoSettings, seed: int) -> Any:
    """Return the function by which TRL has completions written.

    What is drawn depends on seed and step alone, so a run that goes on after it was cut off draws what it would have.
    """
    import torch

    from text2graph_dagster.inference.batch_generation import continue_prompts

    def roll_out(prompts: list[str], trainer: Any) -> dict[str, list[Any]]:
        """Write `generations` completions to each prompt; TRL hands over every prompt that many times in a row."""
        asked = prompts[:: grpo.generations]
        ids = tokenizer(asked, add_special_tokens=False)["input_ids"]
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

    return roll_out


def make_arguments(grpo: GrpoSettings, seed: int, output: OutputDirectory) -> Any:
    """Return TRL's configuration."""
    from trl import GRPOConfig

    completions = grpo.prompts_per_step * grpo.generations
    return GRPOConfig(
        **arguments(output, seed, steps=grpo.max_steps, save_steps=grpo.save_steps),
        **in_parts(completions, grpo.micro_batch),
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
