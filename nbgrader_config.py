"""Stock nbgrader on this repository as the course folder: `nbgrader autograde`, `generate_feedback`, `export`.

First `make exercises`, which writes the notebooks that nbgrader reads from `solutions/`.
"""

c = get_config()  # noqa: F821  # pyright: ignore[reportUndefinedVariable]

c.CourseDirectory.course_id = "flowcoach"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# Neither hand the solution to learners, nor take a workspace that came with a submission, nor copy ours into feedback.
c.CourseDirectory.ignore = [
    *(".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback"),  # nbgrader's own
    *("exercise.py", "workspace"),
]

# A statement, not a comment alone: it may stand for the whole body of a function.
c.ClearSolutions.code_stub = {"python": "pass  # your code here"}

# nbgrader's own steps, but for the first: each submission runs in an empty workspace of its own.
c.Autograde.autograde_preprocessors = [
    "flowcoach.nbgrader_hooks.ExecuteInWorkspace",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Execute.timeout = 300  # seconds a cell; fifteen forests may take a while
