// Calls over TLS: a real nginx with test certificates. Skipped without nginx or openssl.

#include <doctest/doctest.h>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/call.hpp>
#include <coworker/http/download.hpp>
#include <cstddef>
#include <set>
#include <string>
#include <support/call_server.hpp>
#include <support/tls_front.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

task<void> put_many(std::string url, const http::call_options& how, std::size_t& right) {
  scope calls(co_await this_coro::context());
  const auto one = [](std::string from, const http::call_options& as, std::size_t& sum) -> task<void> {
    const http::response got = co_await http::put(from, std::string(100'000, 'x'), as);
    if (got.body.size() == 100'000) ++sum;
  };
  for (int i = 0; i < 20; ++i) calls.spawn(one(url, how, right));
  co_await calls.join();
}

}  // namespace

TEST_CASE("calls over TLS share one HTTP/2 connection, and trust the certificates of call_options::ca_file") {
  if (!tls_can_be_tested()) return;
  const test_authority authority;
  authority.sign("good", "IP:127.0.0.1");
  call_server server([](const http_request& asked) { return respond(200, asked.body); });
  const tls_front front(server.url(""), authority, "good");
  http::call_options how;
  how.ca_file = authority.ca_file();
  const http::response first = sync_wait(http::get(front.url(), how));
  CHECK(first.ok());
  CHECK(server.requests().at(0).header("X-Front-Protocol") == "HTTP/2.0");
  std::size_t right = 0;
  sync_wait(put_many(front.url(), how, right));
  CHECK(right == 20);
  std::set<std::string> connections;
  for (const call_server::asked& one : server.requests())
    connections.insert(one.header("X-Front-Connection"));
  CHECK(connections.size() <= 2);  // one for each of two loops
}

TEST_CASE("a server with an untrusted certificate is not called, and the error says what to do") {
  if (!tls_can_be_tested()) return;
  const test_authority authority;
  authority.sign("other", "DNS:elsewhere.test");
  call_server server([](const http_request&) { return respond(200); });
  const tls_front front(server.url(""), authority, "other");
  for (const bool known : {false, true}) {
    http::call_options how;
    if (known) how.ca_file = authority.ca_file();
    try {
      sync_wait(http::get(front.url() + "/x?secret", how));
      FAIL("it was called");
    } catch (const http::call_error& error) {
      CHECK(error.failure() == http_failure::untrusted);
      const std::string text = error.what();
      CHECK(text.starts_with("GET " + front.url() + "/x?***: "));
      CHECK(text.ends_with("; name the authority that signed its certificate in call_options::ca_file"));
    }
  }
  CHECK(server.requests().empty());
}

}  // namespace coworker::testing
