def sparse_logistic(*a, **k): raise NotImplementedError
