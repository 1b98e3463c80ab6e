#!/usr/bin/python3
"""Writes golden.json: loss and gradients of the net in PyTorch, to compare ours with.

Weights and sequences follow from formulas, which the test knows too. Of the gradients each 19th
element is written."""
import json, math
import numpy as np, torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
H, N, W, R, B, BITS, CLIP = 64, 16, 16, 4, 16, 4, 20.
IN, OUT = BITS+2, BITS+1
MAXT = 2*(2+1)+3
sizes = [('write_v',16),('erase',16),('free',4),('alloc',1),('wgate',1),('mode',12),('wkey',16),('wstr',1),('rkey',64),('rstr',4)]
A = sum(s for _, s in sizes)
shapes = [(IN+R*W+H, 4*H), (4*H,), (H, A), (A,), (H+R*W, OUT), (OUT,)]

def weights():
    out = []
    for k, s in enumerate(shapes):
        i = np.arange(int(np.prod(s)))
        out.append(np.sin((k+1)*(i+1.))*(1.5/math.sqrt(s[0]) if len(s) == 2 else .1))
    return torch.tensor(np.concatenate(out), requires_grad=True)

def batch():
    x, t, m = np.zeros((MAXT, B, IN)), np.zeros((MAXT, B, OUT)), np.zeros((MAXT, B))
    for b in range(B):
        l, k = 1+b % 2, 1+b//2 % 2
        p = np.array([[(5*b+7*i+3 >> BITS-1-j) & 1 for j in range(BITS)] for i in range(l)])
        x[0, b, BITS] = 1
        x[1:1+l, b, :BITS] = p
        x[1+l, b, BITS+1] = k/10
        s = l+2
        t[s:s+l*k, b, :BITS] = np.tile(p, (k, 1))
        t[s+l*k, b, BITS] = 1
        m[s:s+l*k+1, b] = 1
    return torch.from_numpy(x), torch.from_numpy(t), torch.from_numpy(m)

def cosine(mem, memn, keys, strengths):
    kn = torch.sqrt((keys*keys).sum(2, keepdim=True)+1e-6)
    d = torch.matmul(keys, mem.transpose(1, 2))
    return torch.softmax(d/(kn*memn+1e-6)*F.softplus(strengths).unsqueeze(2), 2)

OFF = 1-torch.eye(N)
ONE = torch.ones(B, 1)
def allocation(usage):
    u = 1e-6+(1-1e-6)*usage
    nu, idx = torch.sort(1-u, dim=1, descending=True, stable=True)
    su = 1-nu
    ex = torch.cat([ONE, torch.cumprod(su, 1)[:, :-1]], 1)
    return torch.zeros_like(u).scatter(1, idx, nu*ex)

def run_net(w, x, t, m):
    ps, at = [], 0
    for s in shapes:
        n = int(np.prod(s)); ps.append(w[at:at+n].view(s)); at += n
    Wl, bl, Wa, ba, Wo, bo = ps
    h = c = torch.zeros(B, H)
    mem = torch.zeros(B, N, W); rw = torch.zeros(B, R, N); ww = torch.zeros(B, N)
    usage = torch.zeros(B, N); link = torch.zeros(B, N, N); prec = torch.zeros(B, N)
    words = torch.zeros(B, R*W)
    outs = []
    for step in range(MAXT):
        z = torch.addmm(bl, torch.cat([x[step], words, h], 1), Wl)
        i, j, f, o = z.split(H, 1)
        c = torch.sigmoid(f+1)*c+torch.sigmoid(i)*torch.tanh(j)
        h = torch.sigmoid(o)*torch.tanh(c)
        c = torch.clamp(c, -CLIP, CLIP) # h is within 1
        a = torch.addmm(ba, h, Wa)
        wv, er, fr, al, wg, mo, wk, wst, rk, rst = a.split([s for _, s in sizes], 1)
        gates = torch.sigmoid(torch.cat([er, fr, al, wg], 1))
        er, fr, al, wg = gates.split([16, 4, 1, 1], 1)
        mo = torch.softmax(mo.view(B, R, 3), 2)
        wwd = ww.detach()
        usage = usage+(1-usage)*wwd
        usage = usage*torch.prod(1-fr.unsqueeze(2)*rw, 1)
        memn = torch.sqrt((mem*mem).sum(2)+1e-6).unsqueeze(1)
        content = cosine(mem, memn, wk.view(B, 1, W), wst).squeeze(1)
        ww = wg*(al*allocation(usage)+(1-al)*content)
        mem = mem*(1-ww.unsqueeze(2)*er.unsqueeze(1))+ww.unsqueeze(2)*wv.unsqueeze(1)
        wi, wj = ww.unsqueeze(2), ww.unsqueeze(1)
        link = ((1-wi-wj)*link+wi*prec.unsqueeze(1))*OFF
        prec = (1-ww.sum(1, keepdim=True))*prec+ww
        memn = torch.sqrt((mem*mem).sum(2)+1e-6).unsqueeze(1)
        cr = cosine(mem, memn, rk.view(B, R, W), rst)
        fw = torch.matmul(rw, link.transpose(1, 2)); bw = torch.matmul(rw, link)
        rw = mo[:, :, 0:1]*bw+mo[:, :, 1:2]*fw+mo[:, :, 2:3]*cr
        words = torch.matmul(rw, mem).reshape(B, R*W)
        outs.append(torch.clamp(torch.addmm(bo, torch.cat([h, words], 1), Wo), -CLIP, CLIP))
    y = torch.stack(outs)
    return (F.binary_cross_entropy_with_logits(y, t, reduction='none').sum(2)*m).sum()/B

w = weights()
loss = run_net(w, *batch())
loss.backward()
with open('golden.json', 'w') as f:
    json.dump({'loss': float(loss), 'gradient': w.grad[::19].tolist()}, f, indent=0)
