"""Automatic differentiation against central differences, PyTorch, and what a graph promises."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from oracles.central_differences import central_differences

from groundup.neural_network._joining import concatenate, maximum, stack, where
from groundup.neural_network._lookup import embedding
from groundup.neural_network.autodiff import Tensor, no_grad, record

ROWS = np.array([2, 0, 2, 1])
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, False]])


def _torch(name):
    return lambda *tensors: getattr(pytest.importorskip("torch"), name)(*tensors)


def _functional(name, **options):
    def call(*tensors):
        return getattr(pytest.importorskip("torch").nn.functional, name)(*tensors, **options)

    return call


# name -> ours, PyTorch's (None: the same expression), shapes, smallest value of the inputs
OPERATIONS = {
    "add": (lambda a, b: a + b, None, [(3, 4), (4,)], -2),
    "subtract": (lambda a, b: a - b, None, [(3, 1), (2, 1, 4)], -2),
    "multiply": (lambda a, b: a * b, None, [(3, 4), (3, 1)], -2),
    "divide": (lambda a, b: a / b, None, [(3, 4), (1, 4)], 0.5),
    "power": (lambda a, b: a**b, None, [(3, 4), (4,)], 0.5),
    "cube": (lambda a: a**3, None, [(3, 4)], -2),
    "square": (lambda a: a**2, None, [(3, 4)], -2),
    "power of two": (lambda a: 2**a, None, [(3, 4)], -2),
    "negative": (lambda a: -a, None, [(3, 4)], -2),
    "one minus": (lambda a: 1 - a, None, [(3, 4)], -2),
    "one by": (lambda a: 1 / a, None, [(3, 4)], 0.5),
    "matmul": (lambda a, b: a @ b, None, [(3, 4), (4, 2)], -2),
    "matmul, stacks": (lambda a, b: a @ b, None, [(2, 1, 3, 4), (5, 4, 2)], -2),
    "matmul, stack by matrix": (lambda a, b: a @ b, None, [(2, 3, 4), (4, 2)], -2),
    "matmul, matrix by stack": (lambda a, b: a @ b, None, [(3, 4), (2, 4, 2)], -2),
    "matmul, vector by matrix": (lambda a, b: a @ b, None, [(4,), (4, 2)], -2),
    "matmul, vector by stack": (lambda a, b: a @ b, None, [(4,), (2, 4, 3)], -2),
    "matmul, stack by vector": (lambda a, b: a @ b, None, [(2, 3, 4), (4,)], -2),
    "matmul, vectors": (lambda a, b: a @ b, None, [(4,), (4,)], -2),
    "exp": (Tensor.exp, _torch("exp"), [(3, 4)], -2),
    "log": (Tensor.log, _torch("log"), [(3, 4)], 0.5),
    "sqrt": (Tensor.sqrt, _torch("sqrt"), [(3, 4)], 0.5),
    "abs": (Tensor.abs, _torch("abs"), [(3, 4)], -2),
    "tanh": (Tensor.tanh, _torch("tanh"), [(3, 4)], -2),
    "sigmoid": (Tensor.sigmoid, _torch("sigmoid"), [(3, 4)], -2),
    "relu": (Tensor.relu, _torch("relu"), [(3, 4)], -2),
    "gelu": (Tensor.gelu, _functional("gelu"), [(3, 4)], -2),
    "sum": (lambda a: a.sum(), None, [(3, 4)], -2),
    "sum, axis": (lambda a: a.sum(1), None, [(2, 3, 4)], -2),
    "sum, axes": (lambda a: a.sum((0, -1), True), None, [(2, 3, 4)], -2),
    "mean": (lambda a: a.mean(), None, [(3, 4)], -2),
    "mean, axis": (lambda a: a.mean(-2), None, [(2, 3, 4)], -2),
    "var": (lambda a: a.var((0, 2)), lambda a: a.var((0, 2), correction=0), [(2, 3, 4)], -2),
    "max": (lambda a: a.max(), None, [(3, 4)], -2),
    "max, axis": (lambda a: a.max(1), lambda a: a.amax(1), [(2, 3, 4)], -2),
    "max, axes": (
        lambda a: a.max((0, 1), True),
        lambda a: a.amax((0, 1), True),
        [(2, 3, 4)],
        -2,
    ),
    "softmax": (lambda a: a.softmax(1), None, [(2, 3, 4)], -2),
    "log_softmax": (lambda a: a.log_softmax(-1), None, [(2, 3, 4)], -2),
    "reshape": (lambda a: a.reshape(6, -1), None, [(3, 4)], -2),
    "reshape, tuple": (lambda a: a.reshape((2, 6)), None, [(3, 4)], -2),
    "transpose": (lambda a: a.transpose(2, 0, 1), lambda a: a.permute(2, 0, 1), [(2, 3, 4)], -2),
    "transpose, reversed": (lambda a: a.transpose(), lambda a: a.permute(2, 1, 0), [(2, 3, 4)], -2),
    "swapaxes": (lambda a: a.swapaxes(0, -1), None, [(2, 3, 4)], -2),
    "row": (lambda a: a[1], None, [(3, 4)], -2),
    "slice": (lambda a: a[:, 1:3], None, [(3, 4)], -2),
    "new axis": (lambda a: a[..., None, 2], None, [(3, 4)], -2),
    "rows with repeats": (lambda a: a[ROWS], None, [(3, 4)], -2),
    "pairs with repeats": (lambda a: a[ROWS, [1, 1, 1, 3]], None, [(3, 4)], -2),
    "slice and rows": (lambda a: a[1:, ROWS], None, [(3, 4)], -2),
    "mask": (lambda a: a[MASK], None, [(3, 4)], -2),
    "concatenate": (
        lambda a, b: concatenate([a, b], axis=1),
        lambda a, b: _torch("cat")([a, b], 1),
        [(3, 4), (3, 2)],
        -2,
    ),
    "stack": (
        lambda a, b: stack([a, b, a], axis=-1),
        lambda a, b: _torch("stack")([a, b, a], -1),
        [(3, 4), (3, 4)],
        -2,
    ),
    "where": (
        lambda a, b: where(MASK, a, b),
        lambda a, b: _torch("where")(_torch("tensor")(MASK), a, b),
        [(3, 1), (4,)],
        -2,
    ),
    "maximum": (maximum, _torch("maximum"), [(3, 4), (4,)], -2),
    "embedding": (
        lambda a: embedding(a, ROWS.reshape(2, 2)),
        lambda a: a[ROWS.reshape(2, 2)],
        [(3, 4)],
        -2,
    ),
    "used twice": (lambda a: a * a.exp() + a, None, [(3, 4)], -2),
    "used twice, once a slice": (lambda a: a[1:] * a[:-1] + a[:1], None, [(3, 4)], -2),
    "a diamond": (lambda a: (a * 2).tanh() * (a * 2).exp(), None, [(3, 4)], -2),
}


def _inputs(shapes, smallest, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.uniform(smallest, 2, shape) for shape in shapes]


def _gradients(operation, arrays, slopes):
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    result = operation(*tensors)
    result.backward(slopes[: result.size].reshape(result.shape))
    return result, [tensor.grad for tensor in tensors]


SLOPES = np.random.default_rng(1).uniform(0.5, 1.5, 100)  # a different dL/dy for every output


@pytest.mark.parametrize("name", OPERATIONS)
def test_derivatives_are_those_of_central_differences(name):
    operation, _, shapes, smallest = OPERATIONS[name]
    arrays = _inputs(shapes, smallest)

    def loss(*values):
        with no_grad():
            y = operation(*(Tensor(value) for value in values)).data
        return (y.ravel() * SLOPES[: y.size]).sum()

    _, ours = _gradients(operation, arrays, SLOPES)
    for mine, tried in zip(ours, central_differences(loss, arrays), strict=True):
        np.testing.assert_allclose(mine, tried, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_derivatives_are_those_of_pytorch(name, dtype):
    torch = pytest.importorskip("torch")
    operation, theirs, shapes, smallest = OPERATIONS[name]
    arrays = [array.astype(dtype) for array in _inputs(shapes, smallest, seed=2)]
    result, ours = _gradients(operation, arrays, SLOPES.astype(dtype))
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = (theirs or operation)(*tensors)
    expected.backward(torch.tensor(SLOPES[: result.size].astype(dtype)).reshape(result.shape))
    rtol, atol = (1e-4, 1e-5) if dtype == np.float32 else (1e-12, 1e-12)
    assert result.dtype == dtype
    np.testing.assert_allclose(result.data, expected.detach().numpy(), rtol=rtol, atol=atol)
    for mine, tensor in zip(ours, tensors, strict=True):
        assert mine.dtype == dtype
        np.testing.assert_allclose(mine, tensor.grad.numpy(), rtol=rtol, atol=atol)


@settings(deadline=None, max_examples=40)
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), st.integers(0, 10**6))
def test_gradients_of_stretched_shapes_are_summed(shapes, seed):
    a, b = _inputs(shapes.input_shapes, 0.5, seed)
    slope = np.random.default_rng(seed).standard_normal(shapes.result_shape)
    for operation, in_a, in_b in [
        (lambda a, b: a + b, 1 + 0 * b, 1 + 0 * a),
        (lambda a, b: a * b, b, a),
        (lambda a, b: a / b, 1 / b, -a / b**2),
    ]:
        x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
        operation(x, y).backward(slope)
        for tensor, derivative in ((x, in_a), (y, in_b)):
            # Summed by the slow way: every place of the result adds to the place it came from.
            origin = np.broadcast_to(
                np.arange(tensor.size).reshape(tensor.shape), shapes.result_shape
            )
            expected = np.bincount(
                origin.ravel(), (slope * derivative).ravel(), minlength=tensor.size
            ).reshape(tensor.shape)
            np.testing.assert_allclose(tensor.grad, expected, rtol=1e-10, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_a_row_taken_several_times_gets_all_gradients(indices):
    table = Tensor(np.arange(15.0).reshape(5, 3), requires_grad=True)
    embedding(table, indices).sum().backward()
    expected = np.bincount(indices, minlength=5)
    np.testing.assert_array_equal(table.grad, np.repeat(expected[:, None], 3, axis=1))


def test_gradients_add_up_over_calls_until_they_are_forgotten():
    x = Tensor([1.0, 2.0], requires_grad=True)
    for times in (1, 2, 3):
        (x * x).sum().backward()
        np.testing.assert_array_equal(x.grad, times * 2 * x.data)
    x.zero_grad()
    assert x.grad is None
    x.grad = np.ones(3)[:2]  # a part of something larger stays a part of it
    x.zero_grad()
    assert x.grad.tolist() == [0, 0]


def test_a_gradient_array_that_is_there_is_added_to_in_place():
    flat = np.zeros(5, np.float32)
    a, b = Tensor(np.ones(2, np.float32), True), Tensor(np.ones(3, np.float32), True)
    a.grad, b.grad = flat[:2], flat[2:]
    (a.sum() * 2 + (b * b).sum()).backward()
    np.testing.assert_array_equal(flat, [2, 2, 2, 2, 2])


def test_no_gradient_shares_memory_with_another():
    # The derivative of a sum is one and the same array for both parents.
    a, b = Tensor(np.ones(3), True), Tensor(np.ones(3), True)
    given_by_user = np.ones(3)
    (a + b).backward(given_by_user)
    a.grad *= 5
    assert b.grad.tolist() == [1, 1, 1]
    assert given_by_user.tolist() == [1, 1, 1]
    x, y = Tensor(np.ones(3), True), Tensor(np.ones(3), True)
    z = x + y
    ((z + x) + (z + x) + (z + y)).sum().backward()
    assert x.grad.tolist() == [5, 5, 5]
    assert y.grad.tolist() == [4, 4, 4]


def test_the_graph_is_freed_unless_it_is_kept():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = (x.exp() * x).sum()
    y.backward(keep_graph=True)
    once = x.grad.copy()
    y.backward()
    np.testing.assert_allclose(x.grad, 2 * once)
    with pytest.raises(RuntimeError, match="freed by an earlier backward.*keep_graph=True"):
        y.backward()


def test_a_part_shared_with_a_freed_graph_is_refused():
    x = Tensor([1.0, 2.0], requires_grad=True)
    shared = x.exp()
    shared.sum().backward()
    with pytest.raises(RuntimeError, match="freed"):
        (shared * 2).sum().backward()


def test_nothing_is_recorded_inside_no_grad():
    x = Tensor([1.0], requires_grad=True)
    with no_grad():
        with no_grad():
            pass
        y = x * 2
    assert not y.requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(RuntimeError, match="no_grad"):
        y.backward()


def test_no_grad_holds_in_its_own_thread_alone():
    x, seen = Tensor([1.0], requires_grad=True), []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_no_grad_ends_with_an_error_too():
    x = Tensor([1.0], requires_grad=True)
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert (x + 1).requires_grad


def test_constants_get_no_gradient():
    x, constant = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0])
    (x * constant + constant.detach()).sum().backward()
    assert constant.grad is None
    y = x.exp()
    (y.detach() * x).sum().backward()
    np.testing.assert_allclose(x.grad, constant.data + np.exp(x.data))


def test_a_long_chain_needs_no_recursion():
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1e-3
    y.backward(keep_graph=True)
    assert x.grad == 1
    del y  # neither does forgetting it


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_python_numbers_change_no_dtype(dtype):
    x = Tensor(np.array([1.0, 2.0], dtype), requires_grad=True)
    parts = [x + 1, 2.5 * x, x / 3, 1 - x, x**2, x**-0.5, 2.0**x, x * np.float64(2), -x, x.mean()]
    parts += [
        x.sum(),
        x.var(),
        x.max(),
        x.sigmoid(),
        x.gelu(),
        maximum(x, 0.5),
        where([1, 0], x, 0),
    ]
    total = sum(part.sum() for part in parts)
    assert {part.dtype for part in parts} == {np.dtype(dtype)}
    total.backward()
    assert total.dtype == dtype
    assert x.grad.dtype == dtype


def test_each_of_two_dtypes_keeps_its_own_gradient():
    a = Tensor(np.ones(2, np.float32), requires_grad=True)
    b = Tensor(np.ones(2), requires_grad=True)
    (a * b + a * b).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


def test_whole_numbers_have_values_but_no_gradient():
    counts = Tensor([1, 2, 3])
    assert (counts + 1).data.tolist() == [2, 3, 4]
    assert (counts * 0.5).data.tolist() == [0.5, 1.0, 1.5]
    assert not (counts * 2).requires_grad
    with pytest.raises(TypeError, match=r"int64.*astype"):
        Tensor([1, 2, 3], requires_grad=True)
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x * counts).sum().backward()
    assert x.grad.tolist() == [1, 2, 3]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_has_values_and_gradient_but_no_history(copied):
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = x * 3
    y.sum().backward(keep_graph=True)
    other, result = copied(x), copied(y)
    assert other.grad.tolist() == [3, 3]
    (result * other).sum().backward()
    assert (result.grad.tolist(), other.grad.tolist()) == ([1, 2], [6, 9])
    assert (result.data.tolist(), copied(Tensor(2)).requires_grad) == ([3, 6], False)


def test_a_tensor_from_another_process_gets_its_gradient():
    # made after more tensors than there are here
    code = (
        "import pickle, sys; from groundup.neural_network import Tensor\n"
        "for _ in range(100_000): Tensor(0.0)\n"
        "sys.stdout.buffer.write(pickle.dumps(Tensor([3.0], requires_grad=True)))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    x = pickle.loads(run.stdout)
    (x * x).sum().backward()
    assert x.grad.tolist() == [6]


def test_values_leave_for_python_and_numpy():
    x = Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    loss = (x * x).sum()
    assert (float(loss), bool(loss), bool(loss * 0), bool(Tensor([0.0]))) == (5, True, False, False)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    assert np.asarray(x) is x.data
    assert np.asarray(x, np.float64).dtype == np.float64
    taken = np.array(x)
    taken[0] = 9.0
    assert x.data[0] == 1
    np.testing.assert_array_equal(np.asarray([x, x * 2]), [[1, 2], [2, 4]])


def test_comparisons_are_made_value_by_value():
    x, y = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([3.0, 2.0, 1.0])
    assert (x == y).tolist() == [False, True, False]
    assert (x != np.array([1, 0, 3])).tolist() == [False, True, False]
    assert (x < y).tolist() == (y > x).tolist() == (x < 2).tolist() == [True, False, False]
    assert (x <= y).tolist() == (np.array([3, 2, 1]) >= x).tolist() == [True, True, False]
    assert len({x, y, Tensor([1.0, 2.0, 3.0])}) == 3  # three tensors, whatever their values


def test_axes_may_be_given_as_a_tuple():
    x = Tensor(np.arange(6.0).reshape(1, 2, 3), requires_grad=True)
    slopes = np.arange(6.0).reshape(3, 1, 2)
    assert x.transpose((2, 0, 1)).shape == (3, 1, 2)
    x.transpose((2, 0, 1)).backward(slopes)
    np.testing.assert_array_equal(x.grad, slopes.transpose(1, 2, 0))


def test_arrays_can_be_joined_to_tensors():
    x = Tensor([1.0, 2.0], requires_grad=True)
    joined = concatenate([x, np.array([3.0]), [4.0]])
    assert joined.data.tolist() == [1, 2, 3, 4]
    (joined.sum() + (stack([np.array([5.0, 6.0]), x]) * 2).sum()).backward()
    assert x.grad.tolist() == [3, 3]


def test_arrays_on_the_left_make_a_tensor():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert isinstance(np.ones((2, 2)) @ x, Tensor)
    assert isinstance(np.ones(2) * x, Tensor)
    assert isinstance(np.float32(2) - x, Tensor)


def test_kinks_and_ties_have_the_stated_slopes():
    def slope(function, *values):
        x = Tensor(np.array(values), requires_grad=True)
        function(x).sum().backward()
        return x.grad.tolist()

    assert slope(Tensor.sqrt, 0.0, 4.0) == [0, 0.25]
    assert slope(Tensor.abs, 0.0, -1.0) == [0, -1]
    assert slope(Tensor.relu, 0.0, 1.0) == [0, 1]
    assert slope(Tensor.max, 3.0, 1.0, 3.0) == [0.5, 0, 0.5]
    assert slope(lambda x: maximum(x, 2.0), 2.0, 3.0, 1.0) == [0.5, 1, 0]
    assert slope(lambda x: x**0, 0.0, 2.0) == [0, 0]


def test_large_values_do_not_overflow():
    x = Tensor(np.array([-1000.0, 0.0, 1000.0]), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        total = x.sigmoid().sum() + x.softmax()[2] + x.log_softmax()[2] + x.tanh().sum()
        total.backward()
    assert np.isfinite(x.grad).all()


def test_nan_is_passed_on():
    x = Tensor(np.array([np.nan, 1.0]), requires_grad=True)
    y = x.relu()
    assert np.isnan(y.data[0])
    y.sum().backward()
    assert x.grad[1] == 1


def test_an_operation_of_ones_own():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = record(x.data**3, [x], lambda gradient: [gradient * 3 * x.data**2])
    y.sum().backward()
    assert x.grad.tolist() == [3, 12]
    wrong = record(x.data.sum(), [x], lambda gradient: [gradient])
    with pytest.raises(ValueError, match=r"shape \(\) for a parent of \(2,\)"):
        wrong.backward()


def test_errors_name_shapes():
    a, b = Tensor(np.ones((2, 3)), requires_grad=True), Tensor(np.ones((4, 5)))
    with pytest.raises(ValueError, match=r"\(2, ?3\).*\(4, ?5\)"):
        a + b
    with pytest.raises(ValueError, match=r"\(2, 3\) @ \(4, 5\)"):
        a @ b
    with pytest.raises(ValueError, match=r"\(2, 3\).*sum\(\)"):
        a.backward()
    with pytest.raises(ValueError, match=r"\(3,\).*\(2, 3\)"):
        a.backward(np.ones(3))
    with pytest.raises(ValueError, match=r"Index 3 .* 2 rows: 0 to 1"):
        embedding(a, [0, 3])
    with pytest.raises(ValueError, match=r"Index -1"):
        embedding(a, [-1])
    with pytest.raises(TypeError, match="float64"):
        embedding(a, [0.0])


def test_it_shows_what_it_is():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    assert repr(x) == "Tensor(array([1., 2.]), requires_grad=True)"
    assert (x.shape, x.ndim, x.size, len(x), x.sum().item()) == ((2,), 1, 2, 2, 3.0)
    assert [row.item() for row in x] == [1, 2]
    with pytest.raises(TypeError):
        x[0] = 1.0
