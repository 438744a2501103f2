"""Tune: try other parameters for the chosen model, and keep them only if they are better.

Optuna's tree-structured Parzen estimator proposes parameters where good trials are dense and bad
ones are not. Trial 0 is always the model as it was compared, so the search starts from a known
score, and the tuned parameters are kept only if they beat it by more than one standard error:
tuning never makes the result worse than not tuning, up to chance.

The trials lie in a journal, a line for each event (Optuna's SQLite took seconds to open, and ten
times as long a trial). A search that is stopped goes on from there, and the trials are the same
ones as if it had never been stopped, because each trial's sampler is seeded by its number.

References
----------
J. Bergstra, R. Bardenet, Y. Bengio and B. Kégl, "Algorithms for hyper-parameter optimization",
NeurIPS 2011.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from groundup.workflow.candidate import Candidate
from groundup.workflow.compare import Comparison
from groundup.workflow.findings import Finding
from groundup.workflow.folds import (
    FoldScore,
    Progress,
    corrected_standard_error,
    fit_and_score,
    warnings_as_findings,
)
from groundup.workflow.metric import METRIC_TITLES, METRICS

# Above this many training rows a fold, trials use the first three folds: each is less exact, but
# there are more of them. A fixed rule, not a measured time, so that equal seeds give equal trials.
_MANY_ROWS = 10_000
_FOLDS_WHEN_MANY = 3

# Parameters are only replaced for a gain that is beyond the noise and at least this large.
_WORTHWHILE = 0.001

# The value of a trial whose parameters could not be fitted.
_FAILED = -1e9


@dataclass
class Tuning:
    """The outcome of `tune`: the parameters to use, and how they do on every fold.

    Parameters
    ----------
    model : str
        Name of the model that was tuned.
    params : dict
        What overrides the chosen candidate's defaults; empty if the defaults were kept.
    all_params : dict
        The defaults and what overrides them.
    scores : list of FoldScore
        Of the model with these parameters, on every fold of the comparison.
    trials : list of dict
        Each ``{"number", "params", "validation", "seconds"}``.
    before, after : float
        Mean validation score over the same folds as the model was chosen, and with `params`.
    seconds : float
    words : str
    findings : list of Finding
    """

    model: str
    params: dict[str, Any]
    all_params: dict[str, Any]
    scores: list[FoldScore]
    trials: list[dict[str, Any]]
    before: float
    after: float
    seconds: float
    words: str
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the tuning's part of ``run.json``."""
        return {
            "model": self.model,
            "trials": self.trials,
            "seconds": self.seconds,
            "before": self.before,
            "after": self.after,
            "words": self.words,
        }


def tune(
    comparison: Comparison,
    *,
    seed: int = 0,
    seconds: float = 10.0,
    max_trials: int = 50,
    storage: str | Path | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Search the parameters of the chosen model on the folds of the comparison.

    Where the baseline was chosen, because no model beat it with the parameters that it starts from,
    the best of the others is tuned. If that makes it beat the baseline beyond the noise, it becomes
    ``comparison.chosen``, and ``comparison.chosen_why`` says so.

    Parameters
    ----------
    comparison : Comparison
    seed : int, default=0
    seconds : float, default=10.0
        No trial is begun past this time. Which trials are run depends on the time that they take;
        for the same result every time, let `max_trials` be the limit.
    max_trials : int, default=50
        Trials in all, those found in `storage` included.
    storage : path, optional
        Journal of the trials; a search that it holds for the same data and folds is continued.
    progress : callable, optional
        ``progress(done, total, text)`` after each trial.

    Returns
    -------
    tuning : Tuning

    Raises
    ------
    OSError
        If the file of trials cannot be written.
    """
    start = time.monotonic()
    chosen = comparison.chosen
    candidate = _to_tune(comparison)
    before = float(comparison.validation(chosen.name).mean())
    kept = Tuning(
        model=candidate.name,
        params={},
        all_params=dict(chosen.defaults),
        scores=comparison.scores[chosen.name],
        trials=[],
        before=before,
        after=before,
        seconds=0.0,
        words=f"{candidate.title} has no parameters to tune.",
    )
    if candidate.space is None:
        return kept
    if seconds <= 0 or max_trials < 1:
        kept.words = "Tuning was left out, as no time was given to it."
        return kept

    n_folds = len(kept.scores)
    if len(comparison.folds[0].y_train) > _MANY_ROWS:
        n_folds = min(n_folds, _FOLDS_WHEN_MANY)
    caught: list[str] = []
    with _open_study(comparison, candidate, n_folds, seed, storage) as study:
        trials = _run_trials(
            study,
            comparison,
            candidate,
            n_folds,
            seed,
            start + seconds,
            max_trials,
            progress,
            caught,
        )
    kept.trials = [{**trial, "number": number} for number, trial in trials.items()]
    kept.findings = warnings_as_findings("tune", candidate.title, candidate.worth_telling(caught))
    metric = METRIC_TITLES[METRICS[comparison.task]]
    count = f"{len(trials)} trial{'s' * (len(trials) != 1)}"
    rival = f"the parameters that {candidate.title} started from"
    if candidate is not chosen:
        rival = "the baseline"
    kept.words = (
        f"{count} of {candidate.title}: none beat {rival} (mean {metric} {before:.4f}) by more "
        f"than the noise, so {chosen.title} was kept as it was."
    )
    if trials:
        best = max(trials.values(), key=lambda trial: trial["validation"])
        differences = np.array(best["folds"]) - comparison.validation(chosen.name)[:n_folds]
        noise = corrected_standard_error(differences, comparison.folds)
        if differences.mean() > max(noise, _WORTHWHILE):
            _adopt(kept, comparison, candidate, best["params"], count, metric)
    for trial in kept.trials:
        del trial["folds"]
    kept.seconds = time.monotonic() - start
    return kept


def _to_tune(comparison: Comparison) -> Candidate:
    """Return the chosen model; in the baseline's stead the best of those that can be tuned."""
    others = [
        rung
        for rung in comparison.rungs
        if rung.space is not None and rung.name in comparison.scores
    ]
    if comparison.chosen.name != "baseline" or not others:
        return comparison.chosen
    return max(others, key=lambda rung: comparison.validation(rung.name).mean())


def _adopt(
    tuning: Tuning,
    comparison: Comparison,
    candidate: Candidate,
    params: dict[str, Any],
    count: str,
    metric: str,
) -> None:
    """Take the parameters over if they are better on all folds of the comparison as well."""
    scores = [
        fit_and_score(
            candidate.build(params, for_a_score=True), fold, comparison.task, comparison.codes
        )
        for fold in comparison.folds[: len(tuning.scores)]
    ]
    after = float(np.mean([score.validation for score in scores]))
    if after <= tuning.before:
        return
    tuning.params, tuning.scores, tuning.after = params, scores, after
    tuning.all_params = {**candidate.defaults, **params}
    tuning.words = (
        f"{count}: the best parameters raise the mean {metric} on the validation rows "
        f"from {tuning.before:.4f} to {after:.4f}. The best of many trials flatters itself a "
        "little; the test rows have the last word."
    )
    if candidate is not comparison.chosen:
        comparison.chosen = candidate
        comparison.chosen_why = (
            f"No model beat the baseline (mean {metric} {tuning.before:.4f}) with the parameters "
            f"that it starts from; tuned, {candidate.title} does: {after:.4f}."
        )


def _run_trials(
    study: Any,
    comparison: Comparison,
    candidate: Candidate,
    n_folds: int,
    seed: int,
    deadline: float,
    max_trials: int,
    progress: Progress | None,
    caught: list[str],
) -> dict[int, dict[str, Any]]:
    """Run trials until the time or their number is used up; return them by number."""
    import optuna
    from optuna.trial import TrialState

    folds, task, codes = comparison.folds[:n_folds], comparison.task, comparison.codes
    assert candidate.space is not None
    n_rows = min(len(fold.y_train) for fold in folds)
    complete = (TrialState.COMPLETE,)
    done = len(study.get_trials(deepcopy=False, states=complete))
    if done == 0:
        start = {**candidate.inner().get_params(deep=False), **candidate.start}
        study.enqueue_trial(start, skip_if_exists=True)
    while done < max_trials and not (done and time.monotonic() >= deadline):
        # Seeded by the number of finished trials: a resumed search goes on as if never stopped.
        study.sampler = optuna.samplers.TPESampler(seed=(seed + 7919 * done) % 2**32)
        trial = study.ask()
        params = candidate.space(trial, n_rows)
        begin = time.perf_counter()
        try:
            scores = [
                fit_and_score(
                    candidate.build(params, for_a_score=True), fold, task, codes, train=False
                )
                for fold in folds
            ]
            validation = float(np.mean([score.validation for score in scores]))
            if not np.isfinite(validation):
                raise ValueError("the predictions are not finite numbers")
        except Exception as error:  # parameters that cannot be fitted are a bad trial, no more
            caught.append(f"{type(error).__name__}: {error}".split("\n")[0])
            study.tell(trial, _FAILED)
        else:
            caught += [message for score in scores for message in score.warnings]
            result = {
                "params": params,
                "validation": validation,
                "seconds": time.perf_counter() - begin,
                "folds": [score.validation for score in scores],
            }
            trial.set_user_attr("result", result)
            study.tell(trial, validation)
        done += 1
        if progress is not None:
            progress(done, max_trials, f"trial {done}, best so far {study.best_value:.4f}")
    return {
        trial.number: dict(trial.user_attrs["result"])
        for trial in study.get_trials(deepcopy=False, states=complete)
        if "result" in trial.user_attrs
    }


@contextmanager
def _open_study(
    comparison: Comparison, candidate: Candidate, n_folds: int, seed: int, path: str | Path | None
) -> Iterator[Any]:
    """Open the study of this very search, in memory or in a journal."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # notices of Optuna's that no user of this command can act on
        import optuna
        from optuna.storages import InMemoryStorage, JournalStorage
        from optuna.storages.journal import JournalFileBackend
        from optuna.trial import TrialState

        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            study = optuna.create_study(
                storage=(
                    InMemoryStorage()
                    if path is None
                    else JournalStorage(JournalFileBackend(str(path)))
                ),
                study_name=_study_name(comparison, candidate, n_folds, seed),
                direction="maximize",
                load_if_exists=True,
            )
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                study.tell(trial.number, state=TrialState.FAIL)  # left by an interrupted run
            yield study
        finally:
            optuna.logging.set_verbosity(level)


def _study_name(comparison: Comparison, candidate: Candidate, n_folds: int, seed: int) -> str:
    """Name the search by all that its scores depend on, so that only its own trials are reused."""
    settings = [candidate.estimator, dict(candidate.defaults), comparison.task, seed]
    digest = hashlib.sha256(json.dumps(settings, default=str).encode())
    for fold in comparison.folds[:n_folds]:
        for array in (fold.X_train, fold.y_train, fold.X_validation, fold.y_validation):
            digest.update(np.ascontiguousarray(array).tobytes())
    return f"{candidate.name}-{digest.hexdigest()[:16]}"
