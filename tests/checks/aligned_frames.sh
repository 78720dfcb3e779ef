#!/bin/sh
# Builds and runs aligned_frames.cpp with AVX2, without and with optimisation. clang gets the flag that it needs for such
# coroutines. Skipped (status 77) if the compiler or the machine has no AVX2.
# Usage: aligned_frames.sh COMPILER SCRATCH_FOLDER
set -eu
here=$(dirname "$0")
flags="-std=c++20 -mavx2 -pthread -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I $here/../../include"
if "$1" --version | grep -q clang; then flags="$flags -fcoro-aligned-allocation"; fi
grep -qw avx2 /proc/cpuinfo && echo 'int main() {}' | "$1" $flags -x c++ -fsyntax-only - || exit 77
for level in -O0 -O2; do
  "$1" $flags $level "$here/aligned_frames.cpp" -o "$2/aligned_frames"
  "$2/aligned_frames"
done
