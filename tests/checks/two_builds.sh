#!/bin/sh
# A program whose files are compiled with different COWORKER_WITH_ macros: each file's start() does what it was compiled
# for, whatever the order in which they are linked, and the types are the same.
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
  # shellcheck disable=SC2086  # words
  "$1" -pthread $objects -lcurl -o "$program"
  "$program" >"$program.printed" 2>&1 || { cat "$program.printed"; exit 1; }
  for expected in 'plain: 2' 'with libcurl: 2' 'built without libcurl' 'RUNPOD_WEBHOOK_GET_JOB: '; do
    [ "$(grep -c "$expected" "$program.printed")" = 1 ] || { cat "$program.printed"; exit 1; }
  done
done
