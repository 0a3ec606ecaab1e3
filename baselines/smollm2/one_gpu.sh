#!/usr/bin/env bash
# study.yaml with all items of every test set on one GPU; made for one H100 and ten minutes.
# Tried once on an H200 (README.md): out of memory after 37 of 103 stages, for a reason that is mended since. The ten
# minutes are not shown yet.
#   baselines/smollm2/one_gpu.sh OUT [study.yaml|rationales.yaml|gsm8k.yaml]
# SMALLSTEPS_DATA and SMALLSTEPS_MODELS name the data and the models directory; without the second the hub is asked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: one_gpu.sh OUT [STUDY]}
study=${2:-study.yaml}
smallsteps=${SMALLSTEPS:-smallsteps}
python - <<'END' || { echo "no GPU: run 'smallsteps run $here/$study' instead" >&2; exit 69; }
import sys, torch
if not torch.cuda.is_available():
    sys.exit(1)
print(torch.cuda.get_device_name(0), torch.__version__)
END
case $study in
  study.yaml) suites="transfer transfer_hard generic bbh" ;;
  rationales.yaml) suites="transfer" ;;
  gsm8k.yaml) suites="" ;;
  *) echo "no such study: $study" >&2; exit 64 ;;
esac
options=()
for suite in $suites; do options+=(--set "suites.$suite.limit=null"); done
started=$(date +%s)
# one process leaves a GPU idle most of the time with a base of this size; a step in one piece fits its memory
"$smallsteps" run "$here/$study" --out "$out" --workers "${WORKERS:-8}" --set overrides.optimisation.accumulate=1 "${options[@]}"
echo "wall time: $(($(date +%s) - started)) s"
# seconds of every stage; tokens per second, and peak memory on the GPU, of every training
python - "$out" <<'END'
import json, sys
from pathlib import Path
out = Path(sys.argv[1])
for name, seconds in json.loads((out / "times.json").read_text()).items():
    print(f"{seconds:8.1f} s  {name}")
for path in sorted(out.glob("students/*/*/timing.json")):
    timing = json.loads(path.read_text())
    # a student of N parameters computes about 6 N operations a token in training; 989e12 a second is an H100's bf16 peak
    use = 6 * 134.5e6 * timing["tokens_per_second"] / 989e12
    memory = timing["peak_gpu_memory"] / 2**30
    print(f"{timing['tokens_per_second']:8.0f} tokens/s, {use:.1%} of the peak, {memory:.1f} GiB  {path.parent.parent.name}")
END
