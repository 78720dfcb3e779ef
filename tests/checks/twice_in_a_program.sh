#!/bin/sh
# Builds and runs a program of two translation units that both include the single header. Like a user who copied that file,
# it has nothing else of this repository on the include path.
# Usage: twice_in_a_program.sh COMPILER SCRATCH_FOLDER
set -eu
here=$(dirname "$0")
program="$2/twice_in_a_program"
"$1" -std=c++20 -pthread -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I "$here/../../single_include" \
  "$here/twice_in_a_program/first.cpp" "$here/twice_in_a_program/second.cpp" -o "$program"
"$program"
