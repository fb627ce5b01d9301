#!/usr/bin/env python3
"""Checks a policy bundle from outside: does onnxruntime compute what Ballast computed?

    scripts/check_onnx.py runs/demo/policy

1. `onnx.checker`, full check: policy.onnx is a valid model with consistent shapes.
2. Its inputs and outputs are the ones a bundle promises.
3. onnxruntime, on every case of golden.json, one at a time and as one batch,
   gives the logits within 1e-5 and the very same choices, or numbers within 1e-5; with memory, what is
   remembered too.

Exit 0: it does. Exit 1: it does not. Exit 2: could not check (no such bundle, no onnxruntime).
Needs scripts/requirements.txt (`make check-bundle` sees to it).
"""

import json
import pathlib
import sys

TOLERANCE = 1e-5
INPUTS = ["observation", "action_mask"]
OUTPUTS = ["logits", "action"]


def cannot(message):
    print(f"check_onnx: {message}", file=sys.stderr)
    sys.exit(2)


def wrong(message):
    print(f"check_onnx: WRONG: {message}", file=sys.stderr)
    sys.exit(1)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        import numpy as np
        import onnx
        import onnxruntime
    except ImportError as error:
        cannot(f"{error}; pip install -r scripts/requirements.txt")

    bundle = pathlib.Path(sys.argv[1])
    model_file, golden_file = bundle / "policy.onnx", bundle / "golden.json"
    for file in (model_file, golden_file):
        if not file.is_file():
            cannot(f"{file} is missing: is this a policy bundle?")

    try:
        model = onnx.load(str(model_file))
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # protobuf, checker and shape inference each have their own
        wrong(f"{model_file} is not a valid ONNX model: {error}")
    try:
        session = onnxruntime.InferenceSession(str(model_file), providers=["CPUExecutionProvider"])
    except Exception as error:
        wrong(f"onnxruntime does not load {model_file}: {error}")

    names = [[x.name for x in side] for side in (session.get_inputs(), session.get_outputs())]
    remembers = "memory" in names[0]
    inputs, outputs = INPUTS + ["memory"] * remembers, OUTPUTS + ["next_memory"] * remembers
    if names != [inputs, outputs]:
        wrong(f"inputs and outputs are {names[0]} -> {names[1]}, a bundle has {inputs} -> {outputs}")
    obs_dim = session.get_inputs()[0].shape[1]
    n_logits, n_values = (output.shape[1] for output in session.get_outputs()[:2])
    numbers = session.get_outputs()[1].type == "tensor(float)"

    try:
        cases = json.loads(golden_file.read_text())["cases"]
        arrays = {
            key: [np.asarray(case[key], dtype=np.float64 if key == "action" else np.float32) for case in cases]
            for key in inputs + outputs
        }
    except (ValueError, KeyError, TypeError) as error:
        wrong(f"{golden_file}: expected {{'cases': [{{{', '.join(inputs + outputs)}}}]}}: {error!r}")
    if not cases:
        wrong(f"{golden_file} has no cases")
    widths = [("observation", obs_dim), ("action_mask", n_logits), ("logits", n_logits), ("action", n_values)]
    if remembers:
        memory = session.get_inputs()[-1].shape[1]
        widths += [("memory", memory), ("next_memory", memory)]
    for key, width in widths:
        for i, row in enumerate(arrays[key]):
            if isinstance(width, int) and row.shape != (width,):
                wrong(f"case {i}: {key} has shape {row.shape}, the model has ({width},)")
            if not np.all(np.isfinite(row)):
                wrong(f"case {i}: {key} is not finite")

    worst, masked_cases = 0.0, 0

    def compare(label, i, logits, action, next_memory=None):
        nonlocal worst
        if next_memory is not None:
            error = np.abs(next_memory.astype(np.float64) - arrays["next_memory"][i])
            if not np.all(np.isfinite(next_memory)) or error.max() > TOLERANCE:
                wrong(f"{label}: what is remembered differs by {error.max():.1e} (tolerance {TOLERANCE:g})")
            worst = max(worst, float(error.max()))
        want_logits, want_action, legal = arrays["logits"][i], arrays["action"][i], arrays["action_mask"][i] > 0.5
        if logits.shape != want_logits.shape or action.shape != want_action.shape:
            wrong(f"{label}: shapes {logits.shape}, {action.shape}; golden {want_logits.shape}, {want_action.shape}")
        # A masked logit is a large negative constant, compared relatively.
        error = np.abs(logits.astype(np.float64) - want_logits) / np.maximum(1.0, np.abs(want_logits))
        if not np.all(np.isfinite(logits)) or error.max() > TOLERANCE:
            at = int(np.argmax(np.nan_to_num(error, nan=np.inf)))
            wrong(f"{label}: logit {at} is {logits[at]!r}, golden {want_logits[at]!r} (tolerance {TOLERANCE:g})")
        if not np.all(np.abs(action.astype(np.float64) - want_action) <= TOLERANCE):
            wrong(f"{label}: action is {action.tolist()}, golden {want_action.tolist()}")
        if not numbers and (~legal).any() and legal.any() and logits[~legal].max() >= logits[legal].min():
            wrong(f"{label}: a masked logit is not below every legal one")
        worst = max(worst, float(error.max()))

    for i in range(len(cases)):
        answers = session.run(outputs, {key: arrays[key][i][np.newaxis, :] for key in inputs})
        compare(f"case {i}", i, *(answer[0] for answer in answers))
        masked_cases += bool((arrays["action_mask"][i] < 0.5).any())
    answers = session.run(outputs, {key: np.stack(arrays[key]) for key in inputs})
    for i in range(len(cases)):
        compare(f"case {i} in a batch of {len(cases)}", i, *(answer[i] for answer in answers))

    print(
        f"{bundle}: onnx {onnx.__version__} accepts the model (opset {model.opset_import[0].version}); "
        f"onnxruntime {onnxruntime.__version__} agrees on {len(cases)} golden cases "
        f"({masked_cases} with masked actions), worst error {worst:.1e}"
    )


if __name__ == "__main__":
    main()
