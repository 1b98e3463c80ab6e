"""Writes trace.json: what a guard is told in each step and what it answers, after docs/guard.md.

Inputs: loss, target, dot (g'v), ratio (slope ratio), and 1 where there is no gradient. Outputs: progress, divisor and c. The inputs are made to
reach every branch: progress, noise, overshooting, outliers, steps without gradient, without descent, and a loss
that falls to its target.
"""
import json
import math
import random


class Guard:
    def __init__(self):
        self.z, self.t, self.p, self.D = 0.25, 0, 0.0, 0.0

    def step(self, L, T, dot, r, idle):
        self.t += 1
        t = self.t
        if t == 1:
            self.F = self.Q = self.R = L
        if self.F > T:
            L = min(L, self.F + 10 * (self.F - T) * (max(1, dot / self.p) if self.p > 0 else 1))
        self.F += (L - self.F) * max(0.01, 1 / t)
        self.Q += (L - self.Q) * max(0.1, 1 / t)
        G = max(self.F - T, 0)
        if self.F < self.R:
            self.R -= (self.R - self.F) * max(1 / 500, 1 / t)
        self.R = min(self.R, self.F + G)
        credit = 0.0
        if self.Q <= self.F and self.R > self.F:
            credit = ((self.R - self.F) / G) ** 2
        if t > 1:
            self.z = min(0.25, self.z + 0.1 * (r + credit - 0.01))
            self.z = max(self.z, -math.log(1 + t / 100))
        c = min(1, math.exp(self.z))
        self.p = max(dot, 0.0)
        if dot <= 0:
            return 0.0, dot, c
        b = 0.95 * (1 - credit) if self.z < 0 else 0.0
        self.D = max(dot, b * self.D)
        return (0.0, dot, c) if idle else (c * (L - T), self.D, c)


random.seed(1)
guard, rows, lmin = Guard(), [], None
loss = 3.0
for t in range(1, 901):
    phase = (t - 1) // 100
    if phase in (0, 7):
        loss *= 0.97  # progress
        ratio = random.uniform(-1, 1)
    elif phase == 1:
        loss, ratio = 1 + random.random(), random.uniform(-1, 0.2)  # overshooting in noise
    elif phase == 2:
        loss, ratio = 1 + random.random(), random.uniform(-0.1, 1)  # too short steps
    elif phase == 3:
        loss = 1e5 if t % 10 == 0 else 0.5 + random.random()  # outliers
        ratio = random.uniform(-1, 1)
    elif phase == 4:
        loss, ratio = 0.5, 0.0 if t % 100 > 30 else -0.5  # no gradient
    elif phase == 5:
        loss, ratio = 0.4 * 0.99 ** (t % 100), -0.98  # a ravine
    elif phase == 6:
        loss, ratio = 0.2 * random.random(), -1.0  # falls and rises
    else:
        loss, ratio = loss * 0.9, 1.0
    dot = random.expovariate(1) * loss
    if phase == 6 and t % 9 == 0:
        dot = -dot
    if t > 880:
        loss = 0.0
    lmin = 0.75 * loss if lmin is None else min(lmin, loss)
    target = 0.9 * lmin
    idle = phase == 4 and ratio == 0
    progress, divisor, c = guard.step(loss, target, dot, ratio, idle)
    rows.append([loss, target, dot, ratio, float(idle), progress, divisor, c])
    lmin *= 1 + 1 / 1000

with open("trace.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
