"""Networks against PyTorch: an epoch of a convolutional net, steps of a transformer.

Every library begins with the same weights and sees the same batches in the same order, so the
losses after the same steps must agree; then the times compare the same work.  Each call starts
anew from those weights.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks._harness import Workload

RATE = 1e-3
SYMBOLS, PLACES, WIDTH, HEADS, BLOCKS = 65, 64, 64, 4, 4


def digits():
    """8 x 8 images of digits in batches of 32, in a fixed random order: one epoch."""
    X, y = import_module("sklearn.datasets").load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X = (X[order] / 16).astype(np.float32)
    y = y[order].astype(np.int64)
    return [(X[i : i + 32], y[i : i + 32]) for i in range(0, len(X), 32)]


def symbols(n_steps: int = 4):
    """Sequences of symbols, each mostly a function of the two before it; what follows each."""
    rng = np.random.default_rng(0)
    batches = []
    for _ in range(n_steps):
        s = rng.integers(0, SYMBOLS, (32, PLACES + 1))
        for t in range(2, PLACES + 1):
            follows = (3 * s[:, t - 1] + s[:, t - 2]) % SYMBOLS
            s[:, t] = np.where(rng.random(32) < 0.9, follows, s[:, t])
        batches.append((np.ascontiguousarray(s[:, :-1]), np.ascontiguousarray(s[:, 1:])))
    return batches


# ---- ours ----


def _convolutional():
    of = import_module("groundup.neural_network.layers")
    network = import_module("groundup.neural_network._network").Network
    layers = [
        of.Reshape((1, 8, 8)),
        of.Conv2d(16, padding=1),
        of.Relu(),
        of.Conv2d(32, padding=1),
        of.Relu(),
        of.MaxPool2d(2),
        of.Flatten(),
        of.Dense(10),
    ]
    return network(layers, (64,), random_state=0)


def _transformer():
    of = import_module("groundup.neural_network.layers")
    network = import_module("groundup.neural_network._network").Network
    blocks = [of.TransformerBlock(HEADS, causal=True) for _ in range(BLOCKS)]
    layers = [of.Embedding(SYMBOLS, WIDTH), of.PositionalEmbedding(), *blocks, of.LayerNorm()]
    return network([*layers, of.Dense(SYMBOLS)], (PLACES,), random_state=0)


class _Ours:
    def __init__(self, build):
        self.network = build()
        self.start = self.network.weights.copy()

    def steps(self, batches):
        """Take a step of Adam with each batch; return the losses before the steps."""
        tensor = import_module("groundup.neural_network.autodiff").Tensor
        loss_of = import_module("groundup.neural_network.losses").softmax_cross_entropy
        rule = import_module("groundup.optim").Adam()
        one_thread = import_module("groundup._blocks").single_blas_thread
        network, losses = self.network, []
        network.weights[:] = self.start
        memory = rule.start(network.weights)
        with one_thread():
            for x, y in batches:
                loss = loss_of(network(tensor(x), training=True), y)
                network.gradient.fill(0.0)
                loss.backward()
                rule.update(network.weights, network.gradient, RATE, memory)
                losses.append(loss.item())
        return losses


# ---- PyTorch's ----


def _torch_convolutional(torch, state):
    nn = torch.nn
    net = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10),
    )
    for number in (1, 3, 7):
        weights = torch.tensor(state[f"{number}.weights"])
        net[number].weight.data = (weights.T if number == 7 else weights).contiguous()
        net[number].bias.data = torch.tensor(state[f"{number}.bias"])
    return net


def _torch_transformer(torch, state):
    nn, functional = torch.nn, torch.nn.functional

    def linear(name):
        weights = torch.tensor(state[f"{name}.weights"])
        layer = nn.Linear(*weights.shape)
        layer.weight.data = weights.T.contiguous()
        layer.bias.data = torch.tensor(state[f"{name}.bias"])
        return layer

    def norm(name):
        layer = nn.LayerNorm(WIDTH)
        layer.weight.data = torch.tensor(state[f"{name}.gain"])
        layer.bias.data = torch.tensor(state[f"{name}.shift"])
        return layer

    class Block(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.attention_norm = norm(f"{name}.attention_norm")
            self.questions_keys_values = linear(f"{name}.attention.queries_keys_values")
            self.output = linear(f"{name}.attention.output")
            self.dense_norm = norm(f"{name}.dense_norm")
            self.expand, self.contract = linear(f"{name}.expand"), linear(f"{name}.contract")

        def forward(self, x):
            n, t, d = x.shape
            parts = self.questions_keys_values(self.attention_norm(x))
            q, k, v = parts.view(n, t, 3, HEADS, d // HEADS).permute(2, 0, 3, 1, 4)
            seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.output(seen.transpose(1, 2).reshape(n, t, d))
            return x + self.contract(functional.gelu(self.expand(self.dense_norm(x))))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding.from_pretrained(torch.tensor(state["0.table"]), freeze=False)
            self.positions = nn.Parameter(torch.tensor(state["1.table"]))
            self.blocks = nn.Sequential(*[Block(2 + b) for b in range(BLOCKS)])
            self.norm, self.head = norm(f"{2 + BLOCKS}"), linear(f"{3 + BLOCKS}")

        def forward(self, x):
            return self.head(self.norm(self.blocks(self.table(x) + self.positions)))

    return Transformer()


class _Torch:
    def __init__(self, build, ours, threads, compiled=False):
        self.torch = import_module("torch")
        self.threads = threads
        self.net = build(self.torch, ours().state())
        self.start = {name: value.clone() for name, value in self.net.state_dict().items()}
        self.called = self.torch.compile(self.net) if compiled else self.net

    def steps(self, batches):
        torch = self.torch
        torch.set_num_threads(self.threads)
        self.net.load_state_dict(self.start)
        adam = torch.optim.Adam(self.net.parameters(), lr=RATE)
        losses = []
        for x, y in batches:
            adam.zero_grad()
            z = self.called(torch.from_numpy(x))
            loss = torch.nn.functional.cross_entropy(
                z.reshape(-1, z.shape[-1]), torch.from_numpy(y).reshape(-1)
            )
            loss.backward()
            adam.step()
            losses.append(loss.item())
        return losses


def _training(model, batches):
    return lambda: model.steps(batches)


def _losses(losses, batches):
    return {"loss of the last step": losses[-1], "mean loss": float(np.mean(losses))}


def _workload(name, data, ours, theirs):
    return Workload(
        name,
        data,
        lambda: _Ours(ours),
        {
            "PyTorch, 1 thread": lambda: _Torch(theirs, ours, 1),
            "PyTorch, 2 threads": lambda: _Torch(theirs, ours, 2),
            "PyTorch compiled, 1 thread": lambda: _Torch(theirs, ours, 1, compiled=True),
            "PyTorch compiled, 2 threads": lambda: _Torch(theirs, ours, 2, compiled=True),
        },
        _losses,
        {"loss of the last step": 1e-3, "mean loss": 1e-3},
        _training,
    )


WORKLOADS = [
    _workload(
        "convolutional net on digits: 3x3 to 16, 3x3 to 32, pooling, dense; an epoch, batch 32",
        digits,
        _convolutional,
        _torch_convolutional,
    ),
    _workload(
        "transformer, 4 blocks of 64, 4 heads, context 64; 4 steps of 32 sequences",
        symbols,
        _transformer,
        _torch_transformer,
    ),
]
