"""Prices and budgets of calls, and the forecast and progress of a run."""

from dataclasses import dataclass, field

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """Prices per million tokens, in any currency, and the spending limits of one run (None: no limit)."""

    prompt_price: float = 0.0
    completion_price: float = 0.0
    max_tokens_total: int | None = None
    max_cost: float | None = None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the cost of these numbers of tokens."""
        return (prompt_tokens * self.prompt_price + completion_tokens * self.completion_price) / MILLION


@dataclass
class CallTally:
    """Calls made and budget spent in a run so far. Times are in seconds of a monotonic clock."""

    total: int  # calls to make
    started_at: float
    cached: int = 0
    budget: Budget = field(default_factory=Budget)
    started: int = 0
    done: int = 0
    failed: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, *, failed: bool, tokens: int, cost: float) -> None:
        """Count a finished call."""
        self.done += 1
        self.failed += failed
        self.tokens += tokens
        self.cost += cost

    def affords_another(self) -> bool:
        """Tell whether the budget covers the calls in flight and one more, if each takes the mean so far."""
        ahead = max(0, self.started - self.done) + 1
        share = 1 + ahead / self.done if self.done else 1
        tokens, cost = self.budget.max_tokens_total, self.budget.max_cost
        spent = (tokens is not None and self.tokens * share > tokens) or (cost is not None and self.cost * share > cost)
        return not spent

    def line(self, now: float) -> str:
        """Return the run's progress in words."""
        seconds = max(now - self.started_at, 1e-9)
        left = (self.total - self.done) * seconds / self.done if self.done else None
        parts = [f"{self.done:,} of {self.total:,} calls done"]
        parts += [f"{self.cached:,} from the ledger"] if self.cached else []
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.tokens / seconds:,.0f} tokens/s"] if self.tokens else [f"{self.done / seconds:,.0f}/s"]
        parts += [f"cost {self.cost:,.2f}"] if self.cost else []
        parts += [f"about {left:,.0f} s left"] if left is not None else []
        return ", ".join(parts)

    def describe_spent(self, kind: str) -> str:
        """Return the error message of a run whose budget is spent; `kind` is "teacher" or "reasoner"."""
        left = self.total - self.done
        each = 1 / max(self.done, 1)
        more = f"about {left * self.tokens * each:,.0f} tokens"
        more += f" for {left * self.cost * each:,.2f}" if self.cost else ""
        return (
            f"The {kind}'s budget is spent: {self.done:,} calls took {self.tokens:,} tokens and cost {self.cost:,.2f}; "
            f"{left:,} calls are left, {more}. Raise {kind}.max_tokens_total or {kind}.max_cost and run again, or run "
            "again to spend the same budget once more; answers received so far are kept."
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """Tokens, cost and time of all new calls of a run, extrapolated from the first few."""

    calls: int
    tokens: float
    cost: float
    seconds: float  # at the rate of the first calls; less if throughput rises with concurrency

    @classmethod
    def of(cls, tally: CallTally, preview: int, tokens: int, cost: float, now: float) -> "Forecast":
        """Extrapolate the tokens and cost of `preview` calls, and the time from the rate of all calls so far."""
        scale = tally.total / preview
        seconds = (now - tally.started_at) * tally.total / max(tally.done, 1)
        return cls(tally.total, tokens * scale, cost * scale, seconds)

    def line(self, budget: Budget) -> str:
        """Return the forecast in words, with a warning if the budget does not cover it."""
        text = f"{self.calls:,} calls will take about {self.tokens:,.0f} tokens"
        text += f", cost {self.cost:,.2f}" if self.cost else ""
        text += f" and at most {self.seconds:,.0f} s at the current rate"
        exceeded = [
            name
            for name, need, limit in (
                ("max_tokens_total", self.tokens, budget.max_tokens_total),
                ("max_cost", self.cost, budget.max_cost),
            )
            if limit is not None and need > limit
        ]
        return f"{text}; this exceeds {' and '.join(exceeded)}" if exceeded else text

    def errors(self, tally: CallTally, now: float) -> dict[str, float]:
        """Return the relative error of each forecast quantity: 0.1 means that 10 % more was spent than forecast."""
        pairs = (
            ("tokens", tally.tokens, self.tokens),
            ("cost", tally.cost, self.cost),
            ("seconds", now - tally.started_at, self.seconds),
        )
        return {name: real / expected - 1 for name, real, expected in pairs if expected > 0}
