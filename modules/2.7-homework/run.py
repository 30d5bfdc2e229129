"""What your homework asks: your own months, forest, question and alias. It trains nothing."""

from flowcoach import workspace

here = workspace.find()
recorded = here.pick("2.7/recorded", ("min_samples_leaf", "min_samples_split", "max_features", "bootstrap"))

print(f"The homework of {here.learner}")
print(f"  months       train {here.month_names[0]}, validate {here.month_names[1]}, test {here.month_names[2]}")
print(f"               and once, at the very end: {here.final_name or 'none (add a fourth month to flowcoach.toml)'}")
print(f"  your forest  max_depth {here.pick('2.7/max_depth', range(7, 13))}")
print(f"               random_state {here.pick('2.7/random_state', range(1, 100))}")
if here.is_real and here.month_names == ("2023-01", "2023-02", "2023-03"):
    print("  published    on these months: 5.431 (depth 10, 100 trees), best trial 5.335, on the test month 5.567")
print(f"  `recorded`   the value that autologging noted for regressor__{recorded}")
print(f"  your alias   {here.pick('2.7/alias', ('champion', 'live', 'on-duty', 'serving'))}")
