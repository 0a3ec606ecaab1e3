"""What sweep.sh found, as a table on stderr, and the chosen rate on stdout."""

import json
import sys
from pathlib import Path

rows = []
for folder in sorted(Path(sys.argv[1]).iterdir()):
    (results,) = (folder / "dev").glob("results_*.json")
    (training,) = folder.glob("students/cot-s1-*/model/training.json")
    scores = json.loads(results.read_text())["results"]["smallsteps_svamp_dev"]
    right = scores["flexible,none"]
    loss = json.loads(training.read_text())["final_loss"]
    rows.append((right, -loss, folder.name))
    print(f"{folder.name}: {100 * right:.0f} of 100 right, loss at the end {loss:.3f}", file=sys.stderr)
print(max(rows)[2])
