#!/bin/sh
# Builds two shared libraries with different versions of coworker, whose types have different layouts, and runs both in one
# program.
# Usage: two_versions.sh COMPILER SCRATCH_FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$2/two_versions
rm -rf "$folder"
mkdir -p "$folder/one" "$folder/other"
cp "$here/../../single_include/coworker.hpp" "$folder/one/"
sed -e 's/inline v0_1\b/inline v0_0/' -e 's/^struct job_record {$/struct job_record { char of_another_version[4096] = {};/' \
  -e 's/^class logger {$/class logger { char of_another_version[4096] = {};/' \
  "$folder/one/coworker.hpp" >"$folder/other/coworker.hpp"
for name in one other; do
  "$1" -std=c++20 -pthread -fPIC -shared -I "$folder/$name" "-DLIBRARY_NAME=\"$name\"" "-DLIBRARY_FUNCTION=run_$name" \
    "$here/two_versions/library.cpp" -o "$folder/lib$name.so"
done
"$1" -std=c++20 -pthread "$here/two_versions/program.cpp" -L "$folder" -lone -lother -Wl,-rpath,"$folder" -o "$folder/program"
"$folder/program" | tee "$folder/printed"
[ "$(sort -u "$folder/printed" | wc -l)" = 2 ]
