#!/bin/sh
# Builds and runs a program whose files are compiled with different COWORKER_WITH_ macros. Each file's start() must do what it
# was compiled for, in either link order, and the types must be the same.
# Usage: two_builds.sh COMPILER SCRATCH_FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$2/two_builds
for name in plain with_all main; do
  "$1" -std=c++20 -pthread -I "$here/../../single_include" -c "$here/two_builds/$name.cpp" -o "$program.$name.o"
done
for order in "plain with_all" "with_all plain"; do
  objects=
  for name in $order main; do objects="$objects $program.$name.o"; done
  # shellcheck disable=SC2086  # a list of words
  "$1" -pthread $objects -lcurl -o "$program"
  "$program" >"$program.printed" 2>&1 || { cat "$program.printed"; exit 1; }
  for expected in 'plain: 2' 'with libcurl: 2' 'built without libcurl' 'RUNPOD_WEBHOOK_GET_JOB: '; do
    [ "$(grep -c "$expected" "$program.printed")" = 1 ] || { cat "$program.printed"; exit 1; }
  done
done
