#!/usr/bin/env bash
# Puts libtorch, the library the learner computes with, into .libtorch/.
#
# - LIBTORCH set: yours is used; nothing is fetched (see "Your own libtorch" below).
# - .libtorch/ complete: nothing to do.
# - otherwise: three wheels are fetched with pip, checked against their SHA-256,
#   and the few files that a CPU run needs are unpacked. About 540 MB to fetch,
#   530 MB to keep; no Python is needed afterwards.
#
# Your own libtorch (an unpacked archive from pytorch.org, or the `torch` folder of a
# Python installation), version 2.11.0, with CUDA or without:
#   export LIBTORCH=/path/to/libtorch
#   export LD_LIBRARY_PATH=$LIBTORCH/lib      # so that binaries find it when they run
set -euo pipefail

torch=2.11.0
cudart=13.0.96
cupti=13.0.85

die() { printf 'libtorch: %s\n' "$@" >&2; exit 1; }
say() { printf 'libtorch: %s\n' "$@" >&2; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

if [ -n "${LIBTORCH:-}" ]; then
    [ -e "$LIBTORCH/lib/libtorch_cpu.so" ] || [ -e "$LIBTORCH/lib/libtorch_cpu.dylib" ] ||
        die "LIBTORCH=$LIBTORCH holds no lib/libtorch_cpu.so." \
            "Point it at the folder that has lib/ and include/, or unset it to have libtorch fetched."
    [ -d "$LIBTORCH/include/torch" ] ||
        die "LIBTORCH=$LIBTORCH holds no include/torch: the C++ headers are needed to build."
    say "using your LIBTORCH=$LIBTORCH (to run the binaries: LD_LIBRARY_PATH=\$LIBTORCH/lib)"
    exit 0
fi

[ "$(uname -s)" = Linux ] ||
    die "only Linux is provisioned. Unpack libtorch $torch from pytorch.org and set LIBTORCH to it."

# One SHA-256 per wheel: what is unpacked is what was tried.
case "$(uname -m)" in
    x86_64)
        arch=x86_64
        torch_sha=0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756
        cudart_sha=7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
        cupti_sha=4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8
        ;;
    aarch64 | arm64)
        arch=aarch64
        torch_sha=f99924682ef0aa6a4ab3b1b76f40dc6e273fca09f367d15a524266db100a723f
        cudart_sha=ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55
        cupti_sha=796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151
        ;;
    *) die "no libtorch wheel for $(uname -m). Build libtorch $torch and set LIBTORCH to it." ;;
esac

stamp="torch $torch, cuda-runtime $cudart, cuda-cupti $cupti, $arch"
complete() {
    [ "$(cat .libtorch/stamp 2>/dev/null)" = "$stamp" ] && [ -e .libtorch/lib/libtorch_cpu.so ]
}
if complete; then
    exit 0
fi

python=${PYTHON:-python3}
command -v "$python" >/dev/null ||
    die "python3 is needed once, to fetch libtorch. On Debian or Ubuntu:" \
        "  sudo apt-get install python3 python3-pip" \
        "or unpack libtorch $torch from pytorch.org and set LIBTORCH to it."
"$python" -m pip --version >/dev/null 2>&1 ||
    die "'$python -m pip' does not work, and pip is needed once, to fetch libtorch. On Debian or Ubuntu:" \
        "  sudo apt-get install python3-pip" \
        "or unpack libtorch $torch from pytorch.org and set LIBTORCH to it."

free_kib=$(df -Pk . | awk 'NR == 2 { print $4 }')
[ "${free_kib:-0}" -gt 2000000 ] ||
    die "2 GB of free space are needed in $root; there are $((free_kib / 1024)) MB."

# Everything happens beside its destination, so the last step is one rename.
work=$(mktemp -d "$root/.libtorch.XXXXXX.tmp")
trap 'rm -rf "$work"' EXIT
mkdir "$work/wheels" "$work/tmp"

cat >"$work/requirements.txt" <<END
torch==$torch --hash=sha256:$torch_sha
nvidia-cuda-runtime==$cudart --hash=sha256:$cudart_sha
nvidia-cuda-cupti==$cupti --hash=sha256:$cupti_sha
END

say "fetching torch $torch with pip (about 540 MB, once)"
# The wheels are named for CPython 3.12, whichever Python is installed: only their C++ libraries are used.
TMPDIR="$work/tmp" "$python" -m pip download \
    --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$work/wheels" \
    --only-binary=:all: --implementation cp --python-version 3.12 --abi cp312 --abi none \
    --platform "manylinux_2_28_$arch" --platform "manylinux_2_25_$arch" \
    --platform "manylinux_2_17_$arch" --platform "manylinux2014_$arch" \
    --requirement "$work/requirements.txt" >&2 ||
    die "pip could not fetch torch $torch (its reason is above)." \
        "Offline? Unpack libtorch $torch on any path and set LIBTORCH to it." \
        "An old pip (before 20.3)? $python -m pip install --user --upgrade pip"

say "unpacking into .libtorch/"
"$python" - "$work" <<'END' || die "the wheels could not be unpacked (the reason is above)."
import fnmatch, pathlib, shutil, sys, zipfile

work = pathlib.Path(sys.argv[1])
out = work / "libtorch"
(out / "lib").mkdir(parents=True)

# From torch/lib: what libtorch_cpu.so loads, and nothing of CUDA or Python.
left_out = ["*cuda*", "*nvrtc*", "*nvshmem*", "*python*", "libshm*", "*global_deps*", "libtorch.so"]


def copy(archive, name, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, open(target, "wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)


for wheel in sorted((work / "wheels").glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = pathlib.PurePosixPath(name)
            if name.endswith("/") or ".." in path.parts:
                continue
            if name.startswith("torch/include/"):
                copy(archive, name, out / path.relative_to("torch"))
            elif str(path.parent) == "torch/lib" and ".so" in path.name:
                if not any(fnmatch.fnmatch(path.name, pattern) for pattern in left_out):
                    copy(archive, name, out / "lib" / path.name)
            elif path.name.startswith(("libcudart.so", "libcupti.so")):
                copy(archive, name, out / "lib" / path.name)

# `-ltorch` then means the CPU library alone.
(out / "lib" / "libtorch.so").write_text("INPUT(libtorch_cpu.so)\n")

wanted = ["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"]
missing = [name for name in wanted if not (out / "lib" / name).exists()]
if missing or not (out / "include" / "torch" / "csrc" / "api" / "include" / "torch" / "torch.h").exists():
    sys.exit(f"the wheels lack {', '.join(missing) or 'the C++ headers'}")
END

printf '%s\n' "$torch" >"$work/libtorch/build-version" # what the tch crate checks
printf '%s\n' "$stamp" >"$work/libtorch/stamp"
if ! complete; then
    rm -rf .libtorch
    mv "$work/libtorch" .libtorch
fi
say "ready in .libtorch/ ($(du -sh .libtorch | cut -f1))"
