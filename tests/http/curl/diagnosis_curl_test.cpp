// Transfers that fail because the process or the machine lacks something: the message has the
// cause and what to do.

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/client.hpp>
#include <coworker/http/curl/diagnosis.hpp>
#include <coworker/net/descriptor.hpp>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <support/no_descriptors.hpp>
#include <support/stream_server.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool diagnosis_sanitized = true;
#elif defined(__has_feature)
constexpr bool diagnosis_sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool diagnosis_sanitized = false;
#endif

constexpr std::string_view diagnosis_too_many =
    "no connection can be opened: this process has as many files and connections open as it may: raise that "
    "limit, ulimit -n, or lower the concurrency";

}  // namespace

TEST_CASE("without free descriptors a request fails as unreachable, and the message says what to raise") {
  const stream_server server([](tcp_stream& peer) -> task<void> {
    co_await read_head(peer);
    co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
  });
  curl_client client;
  event_loop loop(client);
  const auto send = [&](const std::string& url) {
    const coworker::http_request request(url);
    return sync_wait(loop, client.send(request));
  };
  CHECK(send(server.url()).body == "{}");
  std::vector<http_response> responses;
  {
    const no_descriptors held;  // no checks here: a sanitizer may need a descriptor for them
    for (const std::string& url : {server.url(), "https://127.0.0.1:" + std::to_string(server.port()) + "/",
                                   std::string("http://server.invalid/")}) {
      responses.push_back(send(url));
    }
  }
  CHECK(responses.size() == 3);
  for (const http_response& response : responses) {
    CHECK(response.failure == http_failure::unreachable);
    CHECK(response.problem == diagnosis_too_many);
  }
  CHECK(send(server.url()).body == "{}");
}

TEST_CASE("the constructor of a client throws if libcurl could never be woken") {
  std::string problem;
  {
    const no_descriptors held;
    try {
      const curl_client client;
    } catch (const io_error& error) {
      problem = error.what();
    }
  }
  CHECK(problem.find("raise that limit, ulimit -n") != std::string::npos);
}

TEST_CASE("the message for a shortage is given only for failures that come from it") {
  using coworker::detail::shortage_of;
  CHECK(shortage_of(CURLE_COULDNT_CONNECT, EMFILE, "Couldn't connect") == diagnosis_too_many);
  CHECK(shortage_of(CURLE_COULDNT_CONNECT, ENFILE, "Couldn't connect").find("fs.file-max") !=
        std::string::npos);
  CHECK(shortage_of(CURLE_COULDNT_CONNECT, ENOBUFS, "Couldn't connect").find("memory") != std::string::npos);
  CHECK(shortage_of(CURLE_COULDNT_CONNECT, 0, "Couldn't connect") == "");
  CHECK(shortage_of(CURLE_RECV_ERROR, EMFILE, "Connection reset") == "");
  CHECK(shortage_of(CURLE_COULDNT_RESOLVE_HOST, 0, "Could not resolve host: h") == "");
  CHECK(shortage_of(CURLE_COULDNT_RESOLVE_HOST, 0, "getaddrinfo() thread failed to start")
            .find("raise the limit on processes (ulimit -u, or pids.max of the container)") !=
        std::string::npos);
  CHECK(shortage_of(CURLE_OUT_OF_MEMORY, 0, "Out of memory").find("out of memory; ") == 0);
}

TEST_CASE(
    "a response without memory for it is a failed exchange with that reason, and the next one succeeds") {
  if (diagnosis_sanitized) {
    MESSAGE("skipped: sanitizers need more memory than this leaves");
    return;
  }
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string body(1 << 20, 'x');
    const stream_server server([&](tcp_stream& peer) -> task<void> {
      const std::string head = co_await read_head(peer);
      const int times = head.find("/large") == std::string::npos ? 1 : 400;
      co_await peer.write_all("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                              std::to_string(body.size() * static_cast<std::size_t>(times)) + "\r\n\r\n");
      for (int i = 0; i < times; ++i) co_await peer.write_all(body);
    });
    curl_client client;
    event_loop loop(client);
    const auto send = [&](const std::string& url) {
      const coworker::http_request request(url);
      return sync_wait(loop, client.send(request));
    };
    const bool before = send(server.url()).body == body;
    std::ifstream sizes("/proc/self/statm");
    rlim_t pages = 0;
    sizes >> pages;
    const rlimit little{pages * 4096 + (100U << 20), RLIM_INFINITY};
    const bool set = ::setrlimit(RLIMIT_AS, &little) == 0;
    const http_response large = send(server.url() + "large");
    const bool explained =
        large.failure == http_failure::broken && large.problem.find("out of memory after ") == 0;
    const bool after = send(server.url()).body == body;
    ::_exit(before && set && explained && after ? 0 : 1);
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace coworker::testing
