#!/usr/bin/env bash
# Compiles a user's program with every kind of handler (user_program/every_kind.cpp), with flags and macros that users have and
# coworker's own build does not. No flag may cause a warning, and no macro an error. Our headers are found with -I, so they
# get warnings as the user's own headers do.
# Usage: user_flags.sh GCC CLANG SCRATCH_FOLDER      The last line counts: N passed, 0 failed.
set -euo pipefail
gcc=$1 clang=$2 scratch=$3
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
mkdir -p "$scratch"

# Warnings that projects commonly enable. Not -Wctad-maybe-unsupported, -Wweak-vtables or -Wzero-as-null-pointer-constant:
# the standard library, templates and g++'s coroutines always cause those.
warnings="-Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion -Wfloat-conversion
  -Wswitch-enum -Wcast-align -Wcast-qual -Wold-style-cast -Wnull-dereference -Wnon-virtual-dtor -Woverloaded-virtual
  -Wformat=2 -Wimplicit-fallthrough -Wmisleading-indentation -Wredundant-decls -Wextra-semi -Wundef -Wunused -Wvla"
gcc_warnings="$warnings -Wuseless-cast -Wcast-align=strict -Wduplicated-cond -Wduplicated-branches -Wlogical-op
  -Wsuggest-override -Wredundant-tags -Wmismatched-tags -Wcomma-subscript -Wdeprecated-copy-dtor -Warith-conversion"
clang_warnings="$warnings -Wshadow-all -Wheader-hygiene -Wcomma -Wdocumentation -Wdeprecated -Wextra-semi-stmt
  -Wunreachable-code-aggressive -Wconditional-uninitialized -Wmissing-variable-declarations -Wassign-enum
  -Wundefined-func-template -Wimplicit-int-conversion -Wshift-sign-overflow -Wreserved-identifier -Wunused-template"
with_all="-DCOWORKER_WITH_CURL -DCOWORKER_WITH_SIMULATION"
without="-DCOWORKER_TEST_MACROS -fno-rtti -fno-char8_t"
program=$here/user_program/every_kind.cpp

# shellcheck disable=SC2086  # flags are lists of words
{
  # Some warnings appear only with optimisation. -O1 is enough, and takes two thirds of the time of -O2.
  echo "g++ -O1, with warnings"
  "$gcc" -std=c++20 -O1 -pthread $gcc_warnings $with_all -DCOWORKER_TEST_FEW -I "$root/include" -c "$program" \
    -o "$scratch/optimised.o"

  echo "g++, with warnings, after macros, without RTTI and char8_t"
  "$gcc" -std=gnu++20 -fsyntax-only $gcc_warnings $without $with_all -DCOWORKER_TEST_FEW -I "$root/include" "$program"

  echo "clang, with warnings, after macros, without RTTI and char8_t"
  "$clang" -std=gnu++20 -O0 -pthread $clang_warnings $without $with_all -I "$root/single_include" "$program" \
    -o "$scratch/every_kind" -lcurl
  "$scratch/every_kind" >"$scratch/printed" || { tail -n 30 "$scratch/printed" && exit 1; }
  grep -q 'std::invalid_argument' "$scratch/printed"

  # coworker.hpp hides some macros from the standard library. The other headers do not.
  echo "clang, each header after macros"
  (
    cd "$root/include"
    grep -rhoE '^#include <([a-z_]+|curl/curl\.h)>' coworker | sort -u
    echo "#include \"$here/user_program/macros.hpp\""
    find coworker -name '*.hpp' ! -path coworker/coworker.hpp ! -path '*/curl/*' ! -name runpod_mode.hpp |
      sort | sed 's/.*/#include <&>/'
    echo "#include <coworker/start.hpp>"
  ) >"$scratch/each_header.cpp"
  "$clang" -std=gnu++20 -fsyntax-only -Wall -Wextra -Werror $with_all -I "$root/include" "$scratch/each_header.cpp"
}
echo "4 passed, 0 failed"
