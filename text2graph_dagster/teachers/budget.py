"""What calls cost, how much of it a run may spend, what it will probably spend, and how far it has come."""

from dataclasses import dataclass, field

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """Prices per million tokens, in any one currency, and what one run may spend; none: as much as it takes."""

    prompt_price: float = 0.0
    completion_price: float = 0.0
    max_tokens_total: int | None = None
    max_cost: float | None = None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the price of so many tokens."""
        return (prompt_tokens * self.prompt_price + completion_tokens * self.completion_price) / MILLION


@dataclass
class CallTally:
    """What a run has asked and spent so far. Moments are seconds of a clock that runs evenly."""

    total: int  # calls to make
    begun: float
    cached: int = 0
    budget: Budget = field(default_factory=Budget)
    handed: int = 0  # calls begun
    done: int = 0
    failed: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, *, failed: bool, tokens: int, cost: float) -> None:
        """Take note of a call that came back."""
        self.done += 1
        self.failed += failed
        self.tokens += tokens
        self.cost += cost

    def affords_another(self) -> bool:
        """Tell whether one more call fits into the budget beside those under way, as calls have cost so far."""
        ahead = max(0, self.handed - self.done) + 1
        share = 1 + ahead / self.done if self.done else 1
        tokens, cost = self.budget.max_tokens_total, self.budget.max_cost
        spent = (tokens is not None and self.tokens * share > tokens) or (cost is not None and self.cost * share > cost)
        return not spent

    def line(self, now: float) -> str:
        """Return how far the run has come."""
        seconds = max(now - self.begun, 1e-9)
        left = (self.total - self.done) * seconds / self.done if self.done else None
        parts = [f"{self.done:,} of {self.total:,} calls done"]
        parts += [f"{self.cached:,} from the ledger"] if self.cached else []
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.tokens / seconds:,.0f} tokens/s"] if self.tokens else [f"{self.done / seconds:,.0f}/s"]
        parts += [f"cost {self.cost:,.2f}"] if self.cost else []
        parts += [f"about {left:,.0f} s left"] if left is not None else []
        return ", ".join(parts)

    def spent(self, who: str) -> str:
        """Return the sentence that ends a run whose budget is spent."""
        left = self.total - self.done
        each = 1 / max(self.done, 1)
        more = f"about {left * self.tokens * each:,.0f} tokens"
        more += f" for {left * self.cost * each:,.2f}" if self.cost else ""
        return (
            f"The {who}'s budget is spent: {self.done:,} calls took {self.tokens:,} tokens and cost {self.cost:,.2f}; "
            f"{left:,} calls are left to ask, {more}: raise {who}.max_tokens_total or {who}.max_cost and run again, "
            "or just run again to spend as much once more; what was answered is kept."
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """What all new calls of a run will probably take, judged by the first few."""

    calls: int
    tokens: float
    cost: float
    seconds: float  # at the pace of those few: less if more calls at once are faster

    @classmethod
    def of(cls, tally: CallTally, preview: int, tokens: int, cost: float, now: float) -> "Forecast":
        """Return the forecast for a run of which `preview` calls took so many tokens, at the pace of all so far."""
        scale = tally.total / preview
        seconds = (now - tally.begun) * tally.total / max(tally.done, 1)
        return cls(tally.total, tokens * scale, cost * scale, seconds)

    def line(self, budget: Budget) -> str:
        """Return the forecast in words, with a warning where the budget will not do."""
        text = f"{self.calls:,} calls will take about {self.tokens:,.0f} tokens"
        text += f", cost {self.cost:,.2f}" if self.cost else ""
        text += f" and at most {self.seconds:,.0f} s at the present pace"
        short = [
            name
            for name, need, limit in (
                ("max_tokens_total", self.tokens, budget.max_tokens_total),
                ("max_cost", self.cost, budget.max_cost),
            )
            if limit is not None and need > limit
        ]
        return f"{text}; that is more than {' and '.join(short)} allows" if short else text

    def errors(self, tally: CallTally, now: float) -> dict[str, float]:
        """Return by how much what was spent differs from the forecast: 0.1 is a tenth more."""
        pairs = (
            ("tokens", tally.tokens, self.tokens),
            ("cost", tally.cost, self.cost),
            ("seconds", now - tally.begun, self.seconds),
        )
        return {name: real / expected - 1 for name, real, expected in pairs if expected > 0}
