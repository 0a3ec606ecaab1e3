#!/usr/bin/env bash
# Chooses the learning rate on the dev split of SVAMP: CoT, one seed, half the steps of the study, three rates.
#   baselines/smollm2/sweep.sh OUT      with SMALLSTEPS_DATA and SMALLSTEPS_MODELS set; goes on where it was
# The rule, fixed beforehand: most dev problems right; of equals, the lower loss on the last steps of training.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
for rate in 3.0e-4 1.0e-4 3.0e-5; do
  [ -e "$out/$rate/dev/manifest.json" ] && continue
  smallsteps distill "$here/cot.yaml" --set optimisation.learning_rate=$rate --set optimisation.steps=32 --out "$out/$rate"
  smallsteps eval "$out/$rate"/students/cot-s1-* --tasks "$here/dev/benchmark.yaml" --label "$rate" --out "$out/$rate/dev"
done
python "$here/choose.py" "$out"
