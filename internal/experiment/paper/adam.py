#!/usr/bin/env python3
"""Time a step of PyTorch's Adam on the perceptron of the solvers' benchmark, 266,610 parameters.

    python3 internal/experiment/paper/adam.py

It needs PyTorch (Debian: python3-torch, which belongs to /usr/bin/python3), and prints the median
of 500 steps in microseconds for each dtype and number of threads.
"""

import statistics
import time

import torch

SHAPES = [(784, 300), (300,), (300, 100), (100,), (100, 10), (10,)]

for threads in 1, 2:
    torch.set_num_threads(threads)
    for dtype in torch.float32, torch.float64:
        weights = [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in SHAPES]
        for foreach in False, True:
            optimizer = torch.optim.Adam(weights, lr=1e-3, foreach=foreach)
            times = []
            for _ in range(500):
                for w in weights:
                    w.grad = torch.randn_like(w)
                start = time.perf_counter()
                optimizer.step()
                times.append(time.perf_counter() - start)
            print(f"{dtype} foreach={foreach} threads={threads} "
                  f"{1e6 * statistics.median(times):.0f} us")
