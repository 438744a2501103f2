"""The words of the field, each explained in a sentence or two, for the report."""

from __future__ import annotations

GLOSSARY: dict[str, tuple[str, str]] = {
    "accuracy": (
        "Accuracy",
        "The share of rows whose class the model names correctly. 1 is perfect. With a common "
        "class it can be high without any skill, so compare it with the baseline.",
    ),
    "baseline": (
        "Baseline",
        "A model that looks at no column: it always answers with the most common class, or with "
        "the average. Whatever does not beat it has learned nothing.",
    ),
    "boosting": (
        "Gradient boosting",
        "Many small trees, one after the other. Each is grown on what the sum of those before it "
        "still gets wrong, and only a part of its answer is added: many small corrections err less "
        "than a few bold ones.",
    ),
    "calibration": (
        "Calibration",
        "Whether probabilities mean what they say: of all rows given 70%, about 70 in 100 should "
        "turn out that way.",
    ),
    "confusion": (
        "Confusion matrix",
        "A table of true classes against predicted ones. What lies on the diagonal is right; what "
        "lies beside it tells which classes are taken for which.",
    ),
    "correlation": (
        "Correlation",
        "How closely two columns move together: 1 is in step, −1 is opposite, 0 is no monotone "
        "relation. It says nothing about which causes which.",
    ),
    "epoch": (
        "Epoch",
        "One pass of a neural network through all the rows that it learns from. It takes many: "
        "each time, the weights are corrected a little.",
    ),
    "feature": (
        "Feature",
        "A column that the model may look at in order to predict the target.",
    ),
    "fold": (
        "Fold",
        "The training rows are cut into equal parts, the folds. Each fold is predicted once by a "
        "model that learned from the other folds, so every training row also serves as a new row.",
    ),
    "forest": (
        "Random forest",
        "Many large trees, each grown on a random draw of the rows and allowed to ask only about a "
        "random choice of columns at each question. Alone, each of them overfits; their average "
        "does not, since each errs in its own way.",
    ),
    "hidden_layer": (
        "Hidden layer",
        "New columns between the given ones and the answer: each is a mixture of those before it, "
        "bent (set to 0 where it is negative). Without the bend, all layers together could do no "
        "more than one weighted sum.",
    ),
    "importance": (
        "Permutation importance",
        "One column's values are shuffled among the rows, and the loss in score is measured. A "
        "large loss means that the model leans on that column.",
    ),
    "interval": (
        "Interval",
        "A test has a limited number of rows, so its score is partly luck. The interval is a range "
        "for the model's true score, made so that it holds that score in 95 of 100 such tests.",
    ),
    "leak": (
        "Leak",
        "A column that is only known once the answer is known. With it a model looks brilliant on "
        "old rows, and fails on new ones.",
    ),
    "leaf": (
        "Leaf",
        "Where a path through a decision tree ends: the training rows that gave the same answers "
        "to its questions.",
    ),
    "learning_curve": (
        "Learning curve",
        "The score against the number of rows learned from. If it still rises at the right, more "
        "rows would help.",
    ),
    "likelihood": (
        "Likelihood",
        "How probable the values of a row are, if it belongs to a given class. Naive Bayes takes "
        "it column by column, multiplies, and weighs the result by how common the class is.",
    ),
    "loss": (
        "Loss",
        "The figure that a model makes small while it learns. The log loss is large where the "
        "truth was given a low probability, and 0 where it was given certainty; for a quantity it "
        "is the share of the variance that is still unexplained.",
    ),
    "margin": (
        "Margin",
        "The distance between the boundary and the rows nearest to it on either side. A boundary "
        "with a wide margin still holds when new rows come out a little different.",
    ),
    "naive_bayes": (
        "Naive Bayes",
        "A model that notes, for each class, the average and the spread of every column. A new row "
        "gets the class in which its values are most usual. Naive, because it counts two columns "
        "that say the same thing as two witnesses.",
    ),
    "network": (
        "Neural network",
        "Layers of weighted sums, each bent before it goes into the next. All weights start at "
        "random; after every few rows each is moved a little in the direction that makes the loss "
        "smaller.",
    ),
    "overfitting": (
        "Overfitting",
        "Learning the training rows by heart, accidents included. It shows as a training score far "
        "above the score on new rows.",
    ),
    "parameter": (
        "Parameter",
        "A setting of the model that is not learned from the rows but chosen, such as how many "
        "neighbours are asked.",
    ),
    "r2": (
        "R²",
        "The share of the target's variance that the model explains. 1 is perfect, 0 is no better "
        "than always answering the average, and below 0 is worse than that.",
    ),
    "residual": (
        "Residual",
        "The error of one row: its actual value less the predicted one.",
    ),
    "roc_auc": (
        "ROC AUC",
        "Take one row of each of the two classes at random: this is how often the model gives the "
        "right one the higher probability. 0.5 is a coin, 1 is perfect.",
    ),
    "seed": (
        "Seed",
        "The number from which all random choices follow. The same seed gives the same split and "
        "the same model.",
    ),
    "support_vector": (
        "Support vector",
        "A training row that the boundary rests on: it lies on the edge of the margin, within it, "
        "or on the wrong side. All other rows could be taken away without moving the boundary.",
    ),
    "support_vectors": (
        "Support vector machine",
        "A model that puts the boundary where its margin to the rows on both sides is widest. With "
        "a measure of likeness between rows in place of distances it may be curved.",
    ),
    "target": ("Target", "The column that is to be predicted."),
    "test": (
        "Test rows",
        "Rows that were locked away at the start and looked at once, at the end. Nothing was "
        "learned or chosen with them, so their score is an honest one.",
    ),
    "tree": (
        "Decision tree",
        "A model that asks one question after the other, each about one column, chosen such that "
        "the rows on its two sides differ as much as possible in the target. A new row gets the "
        "answer that is usual among the training rows it ends up with.",
    ),
    "underfitting": (
        "Underfitting",
        "Having learned too little: the model cannot even follow the rows it was fitted on.",
    ),
    "validation": (
        "Validation score",
        "The average score over the folds: each on rows that the model fitted for it had not seen. "
        "Models are compared and tuned by it.",
    ),
}
