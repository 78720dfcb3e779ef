#pragma once
// A server for tests of calls, on its own thread: sends the response that the test gives for each request,
// records the requests, and keeps connections open.
//
//     call_server server([](const http_request&) { return respond(200, "hello"); });

#include <coworker/coro/task.hpp>
#include <coworker/net/tcp.hpp>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <support/http_message.hpp>
#include <support/stream_server.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {

/// A whole response. `headers`: each line with its "\r\n".
inline std::string respond(int status, const std::string& body = {}, const std::string& headers = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " Status\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// A redirect without a body.
inline std::string redirect_to(const std::string& url, int status = 302) {
  return respond(status, "moved", "Location: " + url + "\r\n");
}

class call_server {
 public:
  struct asked {
    std::string method;
    std::string target;
    std::string body;
    http_request whole;

    std::string header(std::string_view name) const {
      return std::string(whole.header(name).value_or("(none)"));
    }
  };

  /// Called on the server's thread; returns a response. An empty text closes the connection without one.
  using answer = std::function<std::string(const http_request&)>;

  explicit call_server(answer with)
      : with_(std::move(with)), server_([this](tcp_stream& peer) { return serve_connection(peer); }) {}

  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + path;
  }

  std::vector<asked> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }

 private:
  task<void> serve_connection(tcp_stream& peer) {
    {
      const std::lock_guard lock(mutex_);
      ++connections_;
    }
    http_request_reader reader;
    std::string bytes;
    char buffer[16384];
    for (;;) {
      const auto read = reader.read(bytes);
      if (read == http_request_reader::progress::malformed) co_return;
      if (read == http_request_reader::progress::complete) {
        const std::string response = note(reader.request());
        if (response.empty()) co_return;
        co_await peer.write_all(response);
        if (response.find("Content-Length") == std::string::npos &&
            response.find("chunked") == std::string::npos)
          co_return;
        continue;
      }
      const std::size_t count = co_await peer.read_some(buffer);
      if (count == 0) co_return;
      bytes.append(buffer, count);
    }
  }

  std::string note(const http_request& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(
        {std::string(request.method()), std::string(request.target()), request.body, request});
    return with_(request);
  }

  answer with_;
  mutable std::mutex mutex_;
  std::vector<asked> requests_;
  std::size_t connections_ = 0;
  stream_server server_;  // last member: uses all others
};

}  // namespace coworker::testing
