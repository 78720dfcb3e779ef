# shellcheck shell=bash
# Sourced by tests/run and .ci/run: installs the Debian packages that are missing.

missing_packages=()

# need PACKAGE TEST...: marks PACKAGE as missing if the command TEST fails.
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing_packages+=("$package")
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Installs everything that need() found missing, or prints what to install manually.
install_missing() {
  [ ${#missing_packages[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "$0: please install these packages (named as on Debian): ${missing_packages[*]}" >&2
    exit 1
  fi
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "$0: packages are missing, and installing them needs root or sudo; run as root: apt-get install ${missing_packages[*]}" >&2
    exit 1
  fi
  echo "installing ${missing_packages[*]}"
  if ! { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing_packages[@]}"; } >/tmp/coworker-apt.$$ 2>&1; then
    cat /tmp/coworker-apt.$$ >&2
    rm -f /tmp/coworker-apt.$$
    echo "$0: could not install ${missing_packages[*]}; see above" >&2
    exit 1
  fi
  rm -f /tmp/coworker-apt.$$
  missing_packages=()
}

# has_header HEADER: whether the C preprocessor finds the header.
has_header() {
  echo "#include <$1>" | "${CXX:-c++}" -x c++ -E - >/dev/null 2>&1
}

has_comma_locale() {
  locale -a | grep -qi '^de_DE\.utf-\?8$'
}

# Installs what tests/run needs.
install_test_tools() {
  [ -n "${CXX:-}" ] || need g++ command -v c++
  need cmake command -v cmake
  need ninja-build command -v ninja
  need python3 command -v python3
  install_missing  # the compiler first, because has_header runs it
  need doctest-dev has_header doctest/doctest.h
  need libcurl4-openssl-dev has_header curl/curl.h
  need nginx test -x /usr/sbin/nginx  # for the tests of TLS, which are skipped without it
  need openssl command -v openssl
  has_comma_locale || need locales test -e /usr/share/i18n/locales/de_DE
  install_missing
  # Without this locale, the tests that output does not depend on the locale are skipped.
  has_comma_locale || as_root localedef -i de_DE -f UTF-8 de_DE.UTF-8 || true
}
