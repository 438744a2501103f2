"""Support vector machines: the widest street between the classes."""

from __future__ import annotations

from groundup._lazy import loaded_on_use

__all__, __getattr__, __dir__ = loaded_on_use(
    __name__,
    {
        "LinearSVC": "_linear_svc",
        "LinearSVR": "_linear_svr",
        "OneClassSVM": "_one_class",
        "SVC": "_svc",
        "SVR": "_svr",
    },
)
