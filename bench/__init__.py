"""What is measured: each module holds one question, answered in ratios against a peer in the same run."""
