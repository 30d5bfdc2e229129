"""The lab of section 2.6: the servers of a small office and of a real team, on the learner's own machine.

*alone* needs no server. *local* is `mlflow server` on a SQLite file and a folder. *team* is PostgreSQL, an S3 store and
an `mlflow server` before both that asks who you are. One process keeps them (`keeper`): it starts them in order, looks
after them, and does what the commands ask of it by a file (`notes`). Each server hangs on a leash (`leash`), a pipe: it
ends when whoever holds the other end ends, in whatever way.
"""
