#!/bin/sh
# A program whose files are compiled with different COWORKER_WITH_ macros: each file's start() does what it was compiled
# for, and the types are the same.
# Usage: two_builds.sh COMPILER SCRATCH_FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$2/two_builds
for order in "plain with_all" "with_all plain"; do
  sources=
  for name in $order; do sources="$sources $here/two_builds/$name.cpp"; done
  # shellcheck disable=SC2086  # words
  "$1" -std=c++20 -pthread -I "$here/../../single_include" $sources "$here/two_builds/main.cpp" -lcurl -o "$program"
  "$program" >"$program.printed" 2>&1 || { cat "$program.printed"; exit 1; }
  grep -q 'plain: 2' "$program.printed"
  grep -q 'with libcurl: 2' "$program.printed"
  [ "$(grep -c 'built without libcurl' "$program.printed")" = 1 ] || { cat "$program.printed"; exit 1; }
  [ "$(grep -c 'RUNPOD_WEBHOOK_GET_JOB: ' "$program.printed")" = 1 ] || { cat "$program.printed"; exit 1; }
done
