// expect: http_server: the handler must be a coroutine, task<void>(server_request&, server_response&)

#include <coworker/http/server.hpp>
#include <coworker/net/tcp.hpp>

int main() {
  coworker::tcp_listener listener("127.0.0.1", 0);
  coworker::http_server server(listener, [](coworker::server_request&, coworker::server_response&) {});
}
