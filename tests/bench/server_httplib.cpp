// For server_bench.py: cpp-httplib, which uses a thread for each connection. Echoes each body as JSON.

#include <httplib.h>

#include <cstdlib>

int main(int, char** argv) {
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(64); };
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(100'000'000);
  server.Post("/", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(request.body, "application/json");
  });
  server.listen("127.0.0.1", std::atoi(argv[1]));
}
