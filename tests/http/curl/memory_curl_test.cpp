// A request during which memory runs out: it succeeds or fails, and the next one succeeds.

#include "support/counted_memory.hpp"

#include <doctest/doctest.h>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/client.hpp>
#include <cstdint>
#include <string>
#include <support/stream_server.hpp>
#include <utility>

namespace coworker::testing {
namespace {

// Performs one request in which only so many allocations succeed.
task<http_response> memory_send(curl_client& client, const coworker::http_request& request,
                                std::int64_t allocations) {
  task<http_response> sent = client.send(request);
  const scarce_memory scarce(allocations);
  co_return co_await std::move(sent);
}

}  // namespace

TEST_CASE("whichever allocation of a request fails, the request ends, and the client continues") {
  if (!memory_is_counted()) return;
  const std::string body(200'000, 'b');
  const stream_server server([&](tcp_stream& peer) -> task<void> {
    for (;;) {
      const std::string head = co_await read_head(peer);
      if (head.empty()) co_return;
      if (head.find("/moved") != std::string::npos) {
        co_await peer.write_all(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: /a-target-that-is-no-short-string\r\n"
            "Content-Length: 0\r\n\r\n");
      } else {
        co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", body);
      }
    }
  });
  const coworker::http_request plain(server.url() + "a-path-that-is-no-short-string");
  const coworker::http_request moved(server.url() + "moved-from-a-path-that-is-no-short-string");
  const coworker::http_request wrong("http://[an-address-that-is-no-short-string");
  for (const coworker::http_request* const request : {&plain, &moved, &wrong}) {
    CAPTURE(request->url);
    for (const bool warm : {false, true}) {
      CAPTURE(warm);
      int failed = 0;
      for (std::int64_t allocations = 0; allocations < 40; ++allocations) {
        curl_client client;
        event_loop loop(client);
        if (warm) CHECK((sync_wait(loop, client.send(plain)).body == body));
        const http_response response = sync_wait(loop, memory_send(client, *request, allocations));
        const bool whole = response.body == body || response.status == 307;
        CHECK(response.arrived() == whole);
        CHECK(response.arrived() == response.problem.empty());
        if (!response.arrived()) ++failed;
        CHECK((sync_wait(loop, client.send(plain)).body == body));
      }
      CHECK(failed > 2);
      if (request != &wrong) CHECK(failed < 40);
    }
  }
}

}  // namespace coworker::testing
