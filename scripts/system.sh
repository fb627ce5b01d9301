#!/usr/bin/env bash
# Sees to the system packages that a target needs: installs what is missing with apt-get where
# that is allowed (root, or sudo without a password), else names the exact command and exits 1.
#
#   scripts/system.sh build         what building and testing needs
#   scripts/system.sh screenshot    what rendering the window without a display needs
set -euo pipefail

missing=()
need_command() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need_library() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q "$1" || missing+=("$2"); }

case "${1:-build}" in
    build)
        command -v cargo >/dev/null 2>&1 || {
            echo "system: cargo is not installed. Ballast needs Rust 1.95 or later: https://rustup.rs" >&2
            exit 1
        }
        need_command cc g++
        need_command c++ g++
        # Python is needed only to fetch libtorch: not with a libtorch of one's own, nor a second time.
        if [ -z "${LIBTORCH:-}" ] && [ ! -e "$(dirname "${BASH_SOURCE[0]}")/../.libtorch/stamp" ]; then
            need_command "${PYTHON:-python3}" python3
            "${PYTHON:-python3}" -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
        fi
        ;;
    screenshot)
        need_command Xvfb xvfb
        need_command xvfb-run xvfb
        need_command xauth xauth
        need_library libX11.so.6 libx11-6
        need_library libX11-xcb.so.1 libx11-xcb1
        need_library libxcb.so.1 libxcb1
        need_library libXcursor.so.1 libxcursor1
        need_library libXi.so.6 libxi6
        need_library libXrandr.so.2 libxrandr2
        need_library libxkbcommon.so.0 libxkbcommon0
        need_library libxkbcommon-x11.so.0 libxkbcommon-x11-0
        need_library libGL.so.1 libgl1
        need_library libGLX_mesa.so.0 libglx-mesa0
        ls /usr/lib/*/dri/swrast_dri.so /usr/lib/*/libgallium-*.so >/dev/null 2>&1 ||
            compgen -G '/usr/lib/*/dri/*swrast*' >/dev/null ||
            compgen -G '/usr/lib/*/libgallium*' >/dev/null || missing+=(libgl1-mesa-dri)
        ;;
    *)
        echo "usage: scripts/system.sh build|screenshot" >&2
        exit 2
        ;;
esac

[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
install=(apt-get install --yes --no-install-recommends "${missing[@]}")

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo -n)
fi
if command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
    echo "system: installing ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update >&2 || true
    "${as_root[@]}" "${install[@]}" >&2 && exit 0
    echo "system: apt-get could not install ${missing[*]} (its reason is above)" >&2
    exit 1
fi
echo "system: these packages are missing: ${missing[*]}" >&2
echo "system: install them (names as in Debian and Ubuntu), then run make again:" >&2
echo "  sudo apt-get install ${missing[*]}" >&2
exit 1
