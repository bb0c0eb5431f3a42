from datetime import timedelta

import optuna


def test_the_budget_leaves_time_to_finish(make, monkeypatch):
    """What finishing takes is put aside, by a clock of which each trial takes four seconds."""
    from models import study as studies

    clock = iter(range(0, 4_000, 4))
    monkeypatch.setattr(studies.time, "monotonic", lambda: next(clock))
    stop = studies._keep_budget(45.0)
    study = optuna.create_study()
    trials = 0

    def objective(trial):
        nonlocal trials
        trials += 1
        return trial.suggest_float("x", 0, 1)

    lasting = timedelta(seconds=4)
    monkeypatch.setattr(optuna.trial.FrozenTrial, "duration", property(lambda self: lasting))
    study.optimize(objective, 50, callbacks=[stop])
    # 4 s a trial, and nine of them put aside: the second ends at 8 + 36 s, the third too late.
    assert trials == 3
