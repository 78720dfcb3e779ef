// Fuzzes the parser of requests. The first byte of the input selects the limits, the second how the rest is
// split; the rest is what a client sends. However it is split, the parser must find the same requests and the
// same refusal. An accepted request must allow only one framing, and must read the same when it is
// written again.
//
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude -Itests
//     tests/fuzz/http_request_fuzz.cpp -o http_request_fuzz
//   ./http_request_fuzz -max_total_time=600 CORPUS tests/fuzz/corpus/http_request    (new inputs go to CORPUS)

#include <algorithm>
#include <coworker/http/request_parser.hpp>
#include <coworker/http/syntax.hpp>
#include <coworker/http/url.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <support/read_requests.hpp>

namespace {

using coworker::equal_ignoring_case;
using coworker::request_limits;
using coworker::testing::read_request;
using coworker::testing::read_requests;
using coworker::testing::read_result;

void require(bool fact) {
  if (!fact) std::abort();
}

request_limits limits_of(unsigned char choice) {
  request_limits limits;
  if (choice % 2 == 0) return limits;
  limits.head = 40 + choice;
  limits.target = choice / 4;
  limits.headers = 1 + choice % 8;
  limits.body = choice / 8;
  limits.chunk_extensions = choice % 16;
  limits.trailers = choice % 32;
  return limits;
}

std::size_t lines_named(const read_request& request, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(request.headers.begin(), request.headers.end(),
                    [name](const auto& one) { return equal_ignoring_case(one.first, name); }));
}

std::string value_of(const read_request& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return "";
}

bool is_visible(unsigned char c) { return c > ' ' && c < 0x7f; }

// Checks a request by code that is independent of the parser.
void check_request(const read_request& request, const request_limits& limits, bool whole) {
  for (const char c : request.method)
    require(is_visible(static_cast<unsigned char>(c)) && c != ':' && c != '/');
  for (const char c : request.target) require(is_visible(static_cast<unsigned char>(c)) && c != '#');
  require(!request.method.empty() && !request.target.empty() && request.target.size() <= limits.target);
  require(request.path == "*" ? request.method == "OPTIONS" : request.path[0] == '/');
  require(request.target == "*" || request.target[0] == '/' ||
          request.target.find("://") != std::string::npos);
  require(request.headers.size() <= limits.headers);
  for (const auto& [name, value] : request.headers) {
    for (const char c : name) require(is_visible(static_cast<unsigned char>(c)) && c != ':');
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      require(byte == '\t' || (byte >= ' ' && byte != 0x7f));
    }
    require(value.empty() ||
            (value.front() != ' ' && value.front() != '\t' && value.back() != ' ' && value.back() != '\t'));
  }
  require(lines_named(request, "host") == 1 ||
          (request.minor_version == 0 && lines_named(request, "host") == 0));
  require(coworker::split_host(request.host).has_value());
  require(request.body.size() <= limits.body);
  const std::size_t lengths = lines_named(request, "content-length");
  const std::size_t codings = lines_named(request, "transfer-encoding");
  require(lengths + codings <= 1 && (codings == 1) == request.chunked);
  if (request.chunked)
    require(request.minor_version == 1 &&
            equal_ignoring_case(value_of(request, "transfer-encoding"), "chunked"));
  if (lengths == 0 && codings == 0) require(request.body.empty());
  if (lengths == 1) {
    const std::string text = value_of(request, "content-length");
    require(!text.empty() && text.find_first_not_of("0123456789") == std::string::npos);
    const unsigned long long size = std::strtoull(text.c_str(), nullptr, 10);
    require(whole ? request.body.size() == size : request.body.size() <= size);
  }
  if (coworker::is_plain_path(request.path)) {
    const std::optional<std::string> decoded = coworker::url_decode(request.path);
    require(decoded && ("/" + *decoded + "/").find("/../") == std::string::npos &&
            ("/" + *decoded + "/").find("/./") == std::string::npos);
    require(std::count(decoded->begin(), decoded->end(), '/') ==
            std::count(request.path.begin(), request.path.end(), '/'));
  }
}

std::string written(const read_request& request) {
  std::string text =
      request.method + " " + request.target + " HTTP/1." + std::to_string(request.minor_version) + "\r\n";
  for (const auto& [name, value] : request.headers) text += name + ":" + value + "\r\n";
  text += "\r\n";
  if (!request.chunked) return text + request.body;
  for (std::size_t at = 0; at < request.body.size(); at += 7) {
    const std::string chunk = request.body.substr(at, 7);
    text += std::to_string(chunk.size()) + "\r\n" + chunk + "\r\n";
  }
  return text + "0\r\n\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const request_limits limits = limits_of(data[0]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const read_result whole = read_requests(bytes, limits);
  require(read_requests(bytes, limits, [](std::size_t) { return 1; }) == whole);
  require(read_requests(bytes, limits, [&](std::size_t) { return data[1]; }) == whole);
  std::uint32_t state = data[1];
  const auto at_random = [&state](std::size_t left) {
    state = state * 1664525 + 1013904223;
    return 1 + (state >> 16) % (state >> 31 != 0 ? left : 8);
  };
  require(read_requests(bytes, limits, at_random) == whole);

  require(whole.refused == 0 || (whole.refused >= 400 && whole.refused < 600 && !whole.reason.empty()));
  std::string again;
  for (const read_request& one : whole.requests) {
    const bool last = &one == &whole.requests.back();
    const bool complete = !last || (whole.refused == 0 && !whole.in_request);
    check_request(one, limits, complete);
    if (complete) again += written(one);
  }
  // When a request is written again, no line and no target gets longer, so it stays within the limits.
  const read_result reread = read_requests(again);
  require(reread.refused == 0 && !reread.in_request && reread.requests.size() <= whole.requests.size());
  for (std::size_t i = 0; i < reread.requests.size(); ++i) require(reread.requests[i] == whole.requests[i]);
  return 0;
}
