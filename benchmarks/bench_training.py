"""DeepLOB samples a second against a plain PyTorch port that takes each window alone.

Run: python benchmarks/bench_training.py [--threads 1] [--repeats 5]

Both run in turns in one process on random rows; the figure of each is its median. The reference
is the authors' PyTorch model written out plainly (logits, no softmax), at its best batch size.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from lobdesk.models import DeepLOB

WINDOW_ROWS = 100


class PlainDeepLOB(nn.Module):
    """The 2019 PyTorch notebook's model."""

    def __init__(self):
        super().__init__()

        def block(inputs, kernel, stride, activation):
            layers = []
            for size, step, channels in ((kernel, stride, inputs), *[((4, 1), 1, 32)] * 2):
                layers += [nn.Conv2d(channels, 32, size, step), activation(), nn.BatchNorm2d(32)]
            return nn.Sequential(*layers)

        def unit(inputs, size):
            conv = nn.Conv2d(inputs, 64, size, padding=(size[0] // 2, 0))
            return [conv, nn.LeakyReLU(0.01), nn.BatchNorm2d(64)]

        def leaky():
            return nn.LeakyReLU(0.01)

        self.conv1 = block(1, (1, 2), (1, 2), leaky)
        self.conv2 = block(32, (1, 2), (1, 2), nn.Tanh)
        self.conv3 = block(32, (1, 10), 1, leaky)
        self.inp1 = nn.Sequential(*unit(32, (1, 1)), *unit(64, (3, 1)))
        self.inp2 = nn.Sequential(*unit(32, (1, 1)), *unit(64, (5, 1)))
        self.inp3 = nn.Sequential(nn.MaxPool2d((3, 1), 1, (1, 0)), *unit(32, (1, 1)))
        self.lstm = nn.LSTM(192, 64, batch_first=True)
        self.fc1 = nn.Linear(64, 3)

    def forward(self, x):
        x = self.conv3(self.conv2(self.conv1(x.unsqueeze(1))))
        x = torch.cat([self.inp1(x), self.inp2(x), self.inp3(x)], dim=1)
        x = x.permute(0, 2, 1, 3).flatten(2)
        return self.fc1(self.lstm(x)[0][:, -1])


def trainer(model, chunks, windows) -> Callable[[], float]:
    """Return a function that makes one step and returns its seconds."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    x = torch.randn(chunks, WINDOW_ROWS - 1 + windows, 40)
    y = torch.randint(0, 3, (chunks * windows,))

    def step():
        start = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        return time.perf_counter() - start

    return step


def forward(model, chunks, windows) -> Callable[[], float]:
    """Return a function that makes one prediction and returns its seconds."""
    model.eval()
    x = torch.randn(chunks, WINDOW_ROWS - 1 + windows, 40)

    def predict():
        start = time.perf_counter()
        with torch.inference_mode():
            model(x)
        return time.perf_counter() - start

    return predict


def compare(title, make, reference_batches, shapes, repeats) -> None:
    runs = {f"reference, batch {b}": (make(PlainDeepLOB(), b, 1), b) for b in reference_batches}
    for chunks, windows in shapes:
        name = f"lobdesk, {chunks} chunks of {windows}"
        runs[name] = (make(DeepLOB(), chunks, windows), chunks * windows)
    seconds = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, (run, _) in runs.items():
            taken = run()
            if turn:  # the first turn warms up
                seconds[name].append(taken)
    speed = {name: size / statistics.median(seconds[name]) for name, (_, size) in runs.items()}
    best = max(speed[name] for name in speed if name.startswith("reference"))
    print(f"\n{title}")
    for name, samples in speed.items():
        print(f"  {name:<28} {samples:9.0f} samples/s   {samples / best:5.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {given.threads} thread(s), {given.repeats} turns, medians")
    compare(
        "training (forward, backward, Adam)", trainer, (32, 64),
        ((32, 1), (8, 4), (8, 8), (8, 16), (8, 32)), given.repeats,
    )  # fmt: skip
    compare("inference", forward, (32, 64, 256), ((8, 32), (4, 64)), given.repeats)


if __name__ == "__main__":
    main()
