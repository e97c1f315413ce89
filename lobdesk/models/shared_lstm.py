"""An LSTM over overlapping windows that projects every row once and copies no window.

At step t the windows of a chunk read neighbouring rows, so their inputs are one slice of the
projected rows. Only the recurrence itself, a quarter of the arithmetic, runs for each window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence


def last_hidden(lstm: nn.LSTM, rows: Tensor, ends: Sequence[Tensor], steps: int) -> Tensor:
    """Return the last hidden state of every window of every chunk.

    Args:
        lstm: One layer, one direction.
        rows: Inputs shared by the windows, ``[C, S, I]``; window m reads rows m to m + steps - 1.
        ends: Inputs of the windows' own first and last steps, each ``[C, M, I]``: first half for
            steps 0, 1, …, second half for the last steps in order.
        steps: Rows of a window.

    Returns:
        ``[C * M, H]``, windows in order.
    """
    windows = rows.shape[1] - steps + 1
    weights = dict(lstm.named_parameters())
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    inputs = torch.cat([rows, *ends], dim=1)
    projected = functional.linear(inputs, weights["weight_ih_l0"], bias)  # [C, S + ends, 4H]
    recurrent = weights["weight_hh_l0"]
    last: Tensor = _Recurrence.apply(  # type: ignore[no-untyped-call]
        projected, recurrent, steps, windows, len(ends) // 2
    )
    return last


class _Recurrence(torch.autograd.Function):
    """h and c of all windows, step by step; gates in torch's order: input, forget, cell, output."""

    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes by position
        ctx: Any,  # noqa: ANN401 - torch's context
        projected: Tensor,
        weight: Tensor,
        steps: int,
        windows: int,
        reach: int,
    ) -> Tensor:
        chunks, size = len(projected), weight.shape[1]
        batch = chunks * windows
        gates = projected.new_empty(steps, batch, 4 * size)
        hidden = projected.new_zeros(steps + 1, batch, size)
        cells = projected.new_zeros(steps + 1, batch, size)
        squashed = projected.new_empty(steps, batch, size)
        starts = _starts(steps, windows, reach)
        turned = weight.t()
        for step, start in enumerate(starts):
            now = gates[step]
            now.view(chunks, windows, -1).copy_(projected[:, start : start + windows])
            now.addmm_(hidden[step], turned)
            now[:, : 2 * size].sigmoid_()
            now[:, 2 * size : 3 * size].tanh_()
            now[:, 3 * size :].sigmoid_()
            enter, forget, cell, leave = torch.chunk(now, 4, dim=1)
            torch.mul(forget, cells[step], out=cells[step + 1])
            cells[step + 1].addcmul_(enter, cell)
            torch.tanh(cells[step + 1], out=squashed[step])
            torch.mul(leave, squashed[step], out=hidden[step + 1])
        ctx.save_for_backward(weight, gates, hidden, cells, squashed)
        ctx.shape, ctx.starts, ctx.windows = projected.shape, starts, windows
        return hidden[-1].clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        weight, gates, hidden, cells, squashed = ctx.saved_tensors
        steps = len(gates)
        grads = torch.empty_like(gates)
        projected = grad.new_zeros(ctx.shape)
        d_hidden, d_cell = grad, torch.zeros_like(grad)
        for step in reversed(range(steps)):
            enter, forget, cell, leave = torch.chunk(gates[step], 4, dim=1)
            d_enter, d_forget, d_candidate, d_leave = torch.chunk(grads[step], 4, dim=1)
            torch.mul(d_hidden, squashed[step], out=d_leave)
            # d tanh = 1 - tanh², d sigmoid = s (1 - s)
            d_cell = d_cell.addcmul(d_hidden * leave, 1 - squashed[step].square())
            torch.mul(d_cell, cell, out=d_enter)
            torch.mul(d_cell, cells[step], out=d_forget)
            torch.mul(d_cell * enter, 1 - cell.square(), out=d_candidate)
            d_cell = d_cell * forget
            for d_gate, gate in ((d_enter, enter), (d_forget, forget), (d_leave, leave)):
                d_gate.mul_(gate - gate.square())
            d_hidden = grads[step] @ weight
            start = ctx.starts[step]
            projected[:, start : start + ctx.windows] += grads[step].view(
                len(projected), ctx.windows, -1
            )
        d_weight = grads.flatten(0, 1).t() @ hidden[:-1].flatten(0, 1)
        return projected, d_weight, None, None, None


def _starts(steps: int, windows: int, reach: int) -> list[int]:
    """Return where each step's inputs begin: shared rows inside, the ends' own behind them."""
    own = steps - 1 + windows
    starts = list(range(steps))
    for end in range(reach):
        starts[end] = own + end * windows
        starts[steps - reach + end] = own + (reach + end) * windows
    return starts
