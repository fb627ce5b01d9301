#!/usr/bin/env bash
# Makes .venv/ with the packages of scripts/requirements.txt: onnxruntime and TensorBoard read
# what Ballast wrote, as its users would. About 280 MB. Exit 1, with the reason, if pip cannot.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
stamp=.venv/requirements.installed

if [ -x .venv/bin/python ] && cmp -s scripts/requirements.txt "$stamp"; then
    exit 0
fi
command -v "$python" >/dev/null || {
    echo "venv: python3 is not installed; on Debian or Ubuntu: sudo apt-get install python3 python3-venv python3-pip" >&2
    exit 1
}

echo "venv: installing $(grep -v '^#' scripts/requirements.txt | tr '\n' ' ')into .venv/" >&2
rm -rf .venv
# Debian splits `ensurepip` off into python3-venv; the system's pip can serve instead.
if "$python" -m venv .venv >/dev/null 2>&1; then
    pip=(.venv/bin/python -m pip)
else
    rm -rf .venv
    "$python" -m venv --without-pip .venv && "$python" -m pip --python .venv/bin/python --version >/dev/null 2>&1 || {
        rm -rf .venv
        echo "venv: neither 'python3 -m venv' nor 'python3 -m pip --python' works; on Debian or Ubuntu: sudo apt-get install python3-venv python3-pip" >&2
        exit 1
    }
    pip=("$python" -m pip --python .venv/bin/python)
fi
"${pip[@]}" install --quiet --disable-pip-version-check --requirement scripts/requirements.txt >&2 || {
    echo "venv: pip could not install scripts/requirements.txt (its reason is above)" >&2
    exit 1
}
cp scripts/requirements.txt "$stamp"
