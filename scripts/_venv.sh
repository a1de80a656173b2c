# Sourced by the other scripts: go to the repository's root and keep a .venv there up to date.
#
#   . "$(dirname "$0")/_venv.sh"
#   install             # make .venv if missing, install ganvas if pyproject.toml changed
#   install test        # the same with the extra: ganvas[test]
#
# PYTHON names another interpreter than python3; PIP_CONSTRAINT is passed on to pip.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1

make_venv() {
    [ -x .venv/bin/python ] && return
    local python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "ganvas needs Python 3.11 or newer: set PYTHON, as in PYTHON=python3.12 $0" >&2
        exit 1
    fi
    "$python" -m venv .venv
}

hint_small_torch() {
    [ "$(uname -s)" = Linux ] || return 0
    [ -z "${PIP_CONSTRAINT:-}" ] || return 0
    [ ! -e /proc/driver/nvidia ] || return 0
    ! .venv/bin/pip show --quiet torch 2>/dev/null || return 0
    cat >&2 <<'HINT'
Hint: there is no NVIDIA driver here, and the usual PyTorch for Linux brings gigabytes of CUDA.
      For the small CPU build press Ctrl-C, then run this and start again:
      .venv/bin/pip install torch --index-url https://download.pytorch.org/whl/cpu
HINT
}

install() {
    local extra=${1:-} state
    make_venv
    state=$({ cat pyproject.toml ${PIP_CONSTRAINT:-} || true; } 2>/dev/null | cksum)
    [ "$(cat ".venv/installed-$extra" 2>/dev/null)" = "$state" ] && return
    hint_small_torch
    .venv/bin/pip install --quiet --editable ".${extra:+[$extra]}"
    echo "$state" > ".venv/installed-$extra"
}
