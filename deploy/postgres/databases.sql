-- Beside the history's database, which the image makes. Each of the three keeps its own revisions.
CREATE DATABASE mlflow;
CREATE DATABASE optuna;
