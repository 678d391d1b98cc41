#!/usr/bin/env bash
# Makes $VENV from the pinned, hash-checked list. Called by the Makefile, which skips it when nothing changed.
set -euo pipefail

# The packages are pinned for 3.11 and 3.12; where python3 is another, one of those is often installed beside it.
version=
for candidate in "$PYTHON" python3.12 python3.11; do
  found=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  case $found in 3.11 | 3.12) PYTHON=$candidate version=$found; break ;; esac
done
if [ -z "$version" ]; then
  echo "error: $PYTHON is not Python 3.11 or 3.12, which the pinned packages are for, and neither is installed" >&2
  echo "hint: install one of them, or name it: make PYTHON=/path/to/python3.12 ..." >&2
  exit 2
fi

# An environment of another Python, or a half-made one, is made anew.
if [ -e "$VENV" ] && ! "$VENV/bin/python" -c "import sys; assert '%d.%d' % sys.version_info[:2] == '$version'" 2>/dev/null; then
  rm -rf "$VENV"
fi

echo "setting up $VENV (Python $version): a few GB once, then reused"
if [ ! -x "$VENV/bin/uv" ]; then
  # Debian ships a Python without ensurepip: then pip comes from the system, and installs into the new environment.
  "$PYTHON" -m venv "$VENV" >/dev/null 2>&1 || { rm -rf "$VENV"; "$PYTHON" -m venv --without-pip "$VENV"; }
  if "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/uv.txt
  elif "$PYTHON" -m pip --version >/dev/null 2>&1; then
    "$PYTHON" -m pip --python "$VENV/bin/python" install -q --require-hashes --only-binary :all: -r requirements/uv.txt
  elif command -v uv >/dev/null 2>&1; then
    ln -s "$(command -v uv)" "$VENV/bin/uv"
  else
    rm -rf "$VENV"
    echo "error: this Python has neither ensurepip nor pip, and there is no uv" >&2
    echo "hint: install uv (one file) or pip for $PYTHON, then run make again" >&2
    exit 4
  fi
fi

# --no-deps: the list is complete, and facenet-pytorch's own pins are outdated (requirements/overrides.txt).
"$VENV/bin/uv" pip install -q --python "$VENV/bin/python" --no-deps --require-hashes -r "$LOCK"
"$VENV/bin/uv" pip install -q --python "$VENV/bin/python" --no-deps --no-build-isolation -e .
