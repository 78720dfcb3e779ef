// expect: http_server: the listener must have accept(), a task that gives a stream with readable(), read_some()

#include <coworker/http/server.hpp>

coworker::task<void> answer(coworker::server_request&, coworker::server_response& response) {
  co_await response.send("hello");
}

int main() {
  int port = 8080;
  coworker::http_server server(port, answer);
}
