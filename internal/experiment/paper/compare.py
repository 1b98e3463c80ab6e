#!/usr/bin/env python3
"""Compare training iterations of this repository's nets with PyTorch's, in turns.

    python3 internal/experiment/paper/compare.py [-rounds 5] [-threads 1,2] [MLP Fashion ...]

It needs Go and PyTorch (Debian: python3-torch, which belongs to /usr/bin/python3). Each turn is a
process of its own, first ours, then PyTorch's, so that whatever else runs on the machine slows
both. It prints medians of the turns' milliseconds for an iteration, with the optimizer's step, and
of the peak of memory. Ours trains with L4Adam, PyTorch with its Adam.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

# What an iteration takes, roughly, to choose how many make a turn of a second or two.
NETS = {"MLP": 600, "Fashion": 12, "ResNet8": 40, "ResNet32": 4}


def torch_net(name):
    from torch import nn

    def block(channels_in, channels, stride):
        class Residual(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(
                    nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
                    nn.BatchNorm2d(channels), nn.ReLU(),
                    nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
                    nn.BatchNorm2d(channels))
                self.relu = nn.ReLU()

            def forward(self, x):
                shortcut = x[:, :, ::stride, ::stride]
                if channels > channels_in:
                    more = (channels - channels_in) // 2
                    shortcut = nn.functional.pad(shortcut, (0, 0, 0, 0, more, more))
                return self.relu(self.body(x) + shortcut)

        return Residual()

    def resnet(blocks):
        layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        channels_in = 16
        for stage, channels in enumerate((16, 32, 64)):
            for b in range(blocks):
                layers.append(block(channels_in, channels, 2 if stage and not b else 1))
                channels_in = channels
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))

    if name == "MLP":
        return (64, 784), nn.Sequential(
            nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))
    if name == "Fashion":
        return (100, 1, 28, 28), nn.Sequential(
            nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Linear(1024, 10))
    if name == "ResNet8":
        return (32, 3, 32, 32), resnet(1)
    return (128, 3, 32, 32), resnet(5)


def torch_turn(name, threads):
    """Prints the milliseconds of an iteration. This process does nothing else."""
    import torch

    torch.set_num_threads(threads)
    shape, net = torch_net(name)
    x, y = torch.randn(*shape), torch.arange(shape[0]) % 10
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def iterate():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()

    for _ in range(3):
        iterate()
    start = time.perf_counter()
    for _ in range(NETS[name]):
        iterate()
    print("ms", 1e3 * (time.perf_counter() - start) / NETS[name])


def turn(command, pattern, scale):
    """Runs a command, and returns the number it prints and its peak of memory in MB."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    found = re.search(pattern, text)
    if process.returncode or not found:
        sys.exit(f"{' '.join(command)} failed:\n{text}")
    return float(found[1]) * scale, usage.ru_maxrss / 1024


def compare(binary, name, threads, rounds):
    """Returns medians of ours and of PyTorch's, each milliseconds and MB."""
    ours, torch = [], []
    for _ in range(rounds):
        ours.append(turn([binary, "-test.run=^$", f"-test.bench=^Benchmark{name}$",
                          f"-test.cpu={threads}", f"-test.benchtime={NETS[name]}x"],
                         r"\s(\S+) ns/op", 1e-6))
        torch.append(turn([sys.executable, __file__, "-torch", name, threads], r"ms (\S+)", 1))
    return [tuple(map(statistics.median, zip(*turns))) for turns in (ours, torch)]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-rounds", type=int, default=5)
    parser.add_argument("-threads", default="1,2")
    parser.add_argument("-torch", nargs=2, help=argparse.SUPPRESS)  # one turn: net and threads
    parser.add_argument("nets", nargs="*", default=list(NETS))
    args = parser.parse_args()
    if args.torch:
        torch_turn(args.torch[0], int(args.torch[1]))
        return
    if unknown := set(args.nets) - set(NETS):
        parser.error(f"no such nets: {unknown}; there are {', '.join(NETS)}")
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, "bench")
        here = os.path.dirname(os.path.abspath(__file__))
        subprocess.run(["go", "test", "-c", "-o", binary, "."], check=True, cwd=here)
        heads = "net", "threads", "ours ms", "torch ms", "ratio", "ours MB", "torch MB"
        print("".join(f"{head:>10}" for head in heads))
        for name in args.nets:
            for threads in args.threads.split(","):
                (ms, mb), (torch_ms, torch_mb) = compare(binary, name, threads, args.rounds)
                cells = (name, threads, f"{ms:.2f}", f"{torch_ms:.2f}", f"{ms / torch_ms:.2f}",
                         f"{mb:.0f}", f"{torch_mb:.0f}")
                print("".join(f"{cell:>10}" for cell in cells), flush=True)


main()
