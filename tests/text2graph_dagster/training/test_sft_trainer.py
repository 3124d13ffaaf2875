"""The loss over labelled tokens only equals the model's own."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from text2graph_dagster.training.data.schedule import IGNORED
from text2graph_dagster.training.sft_trainer import answer_loss


def test_the_answer_loss_and_its_gradients_equal_those_of_the_plain_model(fine_tuned: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(fine_tuned)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 300, (3, 12), generator=generator)
    labels, mask = ids.clone(), torch.ones_like(ids)
    labels[:, :7] = IGNORED
    labels[2, 9:], mask[2, 9:] = IGNORED, 0
    expected = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    expected.backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    loss = answer_loss(model, {"input_ids": ids, "attention_mask": mask, "labels": labels})
    loss.backward()
    torch.testing.assert_close(loss, expected)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
