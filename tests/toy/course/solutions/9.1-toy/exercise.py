# %% [markdown]
# # 9.1 Toy: count
#
# Say what comes first.

# %% nbgrader={"grade": false, "grade_id": "one", "locked": false, "schema_version": 3, "solution": true, "task": false}
from flowcoach.notebook import check

### BEGIN SOLUTION
answer = 1
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "c", "locked": true, "points": 1, "schema_version": 3, "solution": false}
check("9.1/first")
