// What an answer may become.

#include <doctest/doctest.h>
#include <array>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/client.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <support/stream_server.hpp>
#include <utility>

namespace coworker::testing {
namespace {

constexpr std::size_t exchange_unit = 258;  // the longest that one code of gzip's stands for

// gzip of 1 + 258 * `units` zeros, a hundred and fiftieth of their size. Its checksum is right for less than 10,000
// units; of more, nobody comes to see it.
std::string exchange_gzip(std::size_t units) {
  std::string made("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  std::uint32_t bits = 0;
  int count = 0;
  const auto put = [&](unsigned code, int length, bool reversed) {
    for (int i = 0; i < length; ++i) {
      bits |= ((code >> (reversed ? length - 1 - i : i)) & 1U) << count;
      if (++count == 8) {
        made += static_cast<char>(std::exchange(bits, 0U));
        count = 0;
      }
    }
  };
  put(1, 1, false);           // the last block
  put(1, 2, false);           // with the fixed codes
  put(0b0011'0000, 8, true);  // a zero
  for (std::size_t i = 0; i < units; ++i) {
    put(0b1100'0101, 8, true);  // 258 times
    put(0, 5, true);            // what was one before
  }
  put(0, 7, true);  // the end
  while (count != 0) put(0, 1, false);
  std::uint32_t sum = 0xffff'ffffU;
  const std::uint32_t size = static_cast<std::uint32_t>(1 + exchange_unit * units);
  for (std::uint32_t i = 0; i < size && units < 10'000; ++i) {
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1U) != 0 ? 0xedb8'8320U : 0U);
  }
  for (const std::uint32_t number : {~sum, size}) {
    for (int shift = 0; shift < 32; shift += 8) made += static_cast<char>((number >> shift) & 0xffU);
  }
  return made;
}

http_response exchange_fetch(std::string body, const char* encoding, curl_client_options options) {
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + encoding + "\r\n\r\n";
  const stream_server server([&](tcp_stream& guest) -> task<void> {
    co_await read_head(guest);
    co_await guest.write_all(head, body);
    co_await read_to_end(guest);
  });
  curl_client client(std::move(options));
  event_loop loop(client);
  const coworker::http_request request(server.url());
  return sync_wait(loop, client.send(request));
}

constexpr const char* exchange_packed = "\r\nContent-Encoding: gzip";

}  // namespace

TEST_CASE("an answer is unpacked, as far as it may grow") {
  curl_client_options options;
  options.unpacked_limit = 1 + exchange_unit * 1000;
  const http_response whole = exchange_fetch(exchange_gzip(1000), exchange_packed, options);
  CHECK(whole.problem == "");
  CHECK((whole.body == std::string(1 + exchange_unit * 1000, '\0')));
  const http_response cut = exchange_fetch(exchange_gzip(1001), exchange_packed, options);
  CHECK(cut.failure == http_failure::broken);
  CHECK(cut.problem.find("the answer is too large: ") == 0);
  CHECK(cut.problem.find("curl_client_options::answer_limit and unpacked_limit") != std::string::npos);
  CHECK(cut.body.size() <= options.unpacked_limit);
}

TEST_CASE("140 kB that unpack to 22 MB are refused by default") {
  const std::string packed = exchange_gzip(140'000 * 8 / 13);
  CHECK(packed.size() < 141'000);
  const http_response cut = exchange_fetch(packed, exchange_packed, {});
  CHECK(cut.failure == http_failure::broken);
  CHECK(cut.body.size() <= std::size_t{16} << 20);
}

TEST_CASE("what was large on its way may be large; for every answer there is a limit") {
  curl_client_options options;
  options.unpacked_limit = 1000;
  const std::string large(3'000'000, 'x');
  CHECK((exchange_fetch(large, "", options).body == large));
  options.answer_limit = 2'999'999;
  const http_response cut = exchange_fetch(large, "", options);
  CHECK(cut.failure == http_failure::broken);
  CHECK(cut.problem.find("too large") != std::string::npos);
}

}  // namespace coworker::testing
