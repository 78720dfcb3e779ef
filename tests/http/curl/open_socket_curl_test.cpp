// A client that must connect to public addresses only: the sockets that it opens.

#include <doctest/doctest.h>
#include <unistd.h>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/http/curl/open_socket.hpp>
#include <cstdlib>
#include <string>
#include <support/call_server.hpp>

namespace coworker::testing {
namespace {

http_response ask_publicly(const std::string& url) {
  curl_client_options options;
  options.only_public = true;
  curl_client client(options);
  event_loop loop(client);
  const coworker::http_request request(url);
  return sync_wait(loop, client.send(request));
}

}  // namespace

TEST_CASE("a client for public addresses connects to no other address, whatever the name") {
  call_server server([](const http_request&) { return respond(200); });
  const std::string port = server.url().substr(std::string("http://127.0.0.1").size());
  for (const char* const host : {"127.0.0.1", "localhost", "0x7f.1", "2130706433", "0.0.0.0", "[::1]",
                                 "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"}) {
    CAPTURE(host);
    const http_response got = ask_publicly("http://" + std::string(host) + port);
    CHECK(got.failure == http_failure::unusable);
    CHECK(got.problem.ends_with("which is not a public address"));
  }
  CHECK(ask_publicly(server.url()).problem == "it leads to 127.0.0.1, which is not a public address");
  CHECK(server.connections() == 0);
}

TEST_CASE("a client for public addresses uses no proxy") {
  call_server proxy([](const http_request&) { return respond(200); });
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  const http_response got = ask_publicly("http://127.0.0.1:1/");
  ::unsetenv("http_proxy");
  CHECK(got.failure == http_failure::unusable);
  CHECK(proxy.connections() == 0);
}

TEST_CASE("an address that is not an internet address is not public") {
  curl_sockaddr local{};
  local.family = AF_UNIX;
  local.socktype = SOCK_STREAM;
  local.addr.sa_family = AF_UNIX;
  local.addrlen = sizeof local.addr;
  detail::open_failure why;
  CHECK(detail::open_socket(local, true, why) == CURL_SOCKET_BAD);
  CHECK(why.refused == "an address outside the internet");
  why = detail::open_failure();
  const curl_socket_t opened = detail::open_socket(local, false, why);
  REQUIRE(opened >= 0);
  ::close(opened);
}

}  // namespace coworker::testing
