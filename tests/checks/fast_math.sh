#!/bin/sh
# Builds and runs fast_math.cpp with flags that let the compiler assume that there are no NaN and infinities.
# Usage: fast_math.sh COMPILER SCRATCH_FOLDER
set -eu
here=$(dirname "$0")
for flags in "-O3 -ffast-math" "-O1 -ffinite-math-only" "-O0 -ffast-math"; do
  "$1" -std=c++20 -w $flags -pthread -I "$here/../../include" "$here/fast_math.cpp" -o "$2/fast_math"
  echo "$flags: $("$2/fast_math")"
  "$2/fast_math" > /dev/null
done
