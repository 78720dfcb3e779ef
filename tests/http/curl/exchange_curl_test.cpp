// The limits on the size of a response.

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

constexpr std::size_t exchange_unit = 258;  // the longest match of one DEFLATE code, in bytes

// Returns the gzip of 1 + 258 * `units` zeros, about 150 times smaller than that. The checksum is right for
// less than 10,000 units; larger ones are refused before it is read.
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
  put(1, 1, false);           // last block
  put(1, 2, false);           // fixed Huffman codes
  put(0b0011'0000, 8, true);  // one zero byte
  for (std::size_t i = 0; i < units; ++i) {
    put(0b1100'0101, 8, true);  // a match of length 258
    put(0, 5, true);            // at distance 1
  }
  put(0, 7, true);  // end of block
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
  const stream_server server([&](tcp_stream& peer) -> task<void> {
    co_await read_head(peer);
    co_await peer.write_all(head, body);
    co_await read_to_end(peer);
  });
  curl_client client(std::move(options));
  event_loop loop(client);
  const coworker::http_request request(server.url());
  return sync_wait(loop, client.send(request));
}

constexpr const char* exchange_packed = "\r\nContent-Encoding: gzip";

}  // namespace

TEST_CASE("a response is decompressed, up to a limit") {
  curl_client_options options;
  options.unpacked_limit = 1 + exchange_unit * 1000;
  const http_response whole = exchange_fetch(exchange_gzip(1000), exchange_packed, options);
  CHECK(whole.problem == "");
  CHECK((whole.body == std::string(1 + exchange_unit * 1000, '\0')));
  const http_response cut = exchange_fetch(exchange_gzip(1001), exchange_packed, options);
  CHECK(cut.failure == http_failure::broken);
  CHECK(cut.problem.find("the response is too large: ") == 0);
  CHECK(cut.problem.find("curl_client_options::answer_limit and unpacked_limit") != std::string::npos);
  CHECK(cut.body.size() <= options.unpacked_limit);
}

TEST_CASE("140 kB that decompress to 22 MB are refused by default") {
  const std::string packed = exchange_gzip(140'000 * 8 / 13);
  CHECK(packed.size() < 141'000);
  const http_response cut = exchange_fetch(packed, exchange_packed, {});
  CHECK(cut.failure == http_failure::broken);
  CHECK(cut.body.size() <= std::size_t{16} << 20);
}

TEST_CASE(
    "a response that is large before decompression may be large after it, up to a limit for every response") {
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
