#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/net/tcp.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <support/no_descriptors.hpp>
#include <system_error>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
using namespace std::chrono_literals;

struct tcp_pair {
  cw::tcp_stream client;
  cw::tcp_stream server;
};

cw::task<tcp_pair> tcp_connected() {
  cw::tcp_listener listener("127.0.0.1", 0);
  tcp_pair made;
  made.client = co_await cw::tcp_stream::connect(listener.local_address());
  made.server = co_await listener.accept();
  co_return made;
}

cw::task<std::string> tcp_read_all(cw::tcp_stream& from) {
  std::string all;
  std::vector<char> buffer(10'000);
  for (;;) {
    const std::size_t count = co_await from.read_some(buffer);
    if (count == 0) break;
    all.append(buffer.data(), count);
  }
  co_return all;
}

cw::task<std::string> tcp_error_of(cw::task<void> work) {
  std::string text = "nothing was thrown";
  try {
    co_await std::move(work);
  } catch (const std::system_error& error) {
    text = error.what();
  }
  co_return text;
}

}  // namespace

TEST_CASE("a connection is made, both sides write and read, and each sees the other's end") {
  cw::sync_wait([]() -> cw::task<void> {
    tcp_pair pair = co_await tcp_connected();
    co_await pair.client.write_all("ques", "tion");
    pair.client.shutdown_write();
    const std::string asked = co_await tcp_read_all(pair.server);
    CHECK(asked == "question");
    co_await pair.server.write_all("answer");
    pair.server.close();
    CHECK(!pair.server.is_open());
    const std::string answered = co_await tcp_read_all(pair.client);
    CHECK(answered == "answer");
    co_await pair.client.write_all("", "");
  }());
}

TEST_CASE("megabytes go both ways at once, in pieces of their own") {
  cw::sync_wait([]() -> cw::task<void> {
    tcp_pair pair = co_await tcp_connected();
    const std::string head(100, 'h');
    const std::string body(8'000'000, 'b');
    std::string to_server;
    std::string to_client;
    const auto send = [](cw::tcp_stream& to, std::string_view first,
                         std::string_view second) -> cw::task<void> {
      co_await to.write_all(first, second);
      to.shutdown_write();
    };
    const auto receive = [](cw::tcp_stream& from, std::string& into) -> cw::task<void> {
      into = co_await tcp_read_all(from);
    };
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(send(pair.client, head, body));
    children.spawn(send(pair.server, body, head));
    children.spawn(receive(pair.server, to_server));
    children.spawn(receive(pair.client, to_client));
    co_await children.join();
    CHECK((to_server == head + body));
    CHECK((to_client == body + head));
  }());
}

TEST_CASE("write_some writes as much of both pieces as the system accepts, in order") {
  cw::sync_wait([]() -> cw::task<void> {
    tcp_pair pair = co_await tcp_connected();
    const std::string large(20'000'000, 'x');
    std::size_t count = co_await pair.client.write_some("ab", "cd");
    CHECK(count == 4);
    count = co_await pair.client.write_some("", "");
    CHECK(count == 0);
    count = co_await pair.client.write_some("ef", large);
    CHECK(count > 2);
    CHECK(count < large.size());
    char buffer[6];
    count = co_await pair.server.read_some(buffer);
    CHECK(std::string_view(buffer, count) == "abcdef");
  }());
}

TEST_CASE("sockets are non-blocking, closed on exec, and send small packets at once") {
  cw::sync_wait([]() -> cw::task<void> {
    cw::tcp_listener listener("127.0.0.1", 0);
    CHECK((::fcntl(listener.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
    tcp_pair pair = co_await tcp_connected();
    for (const int socket : {pair.client.descriptor(), pair.server.descriptor()}) {
      CHECK((::fcntl(socket, F_GETFD) & FD_CLOEXEC) != 0);
      CHECK((::fcntl(socket, F_GETFL) & O_NONBLOCK) != 0);
      int on = 0;
      socklen_t size = sizeof on;
      CHECK(::getsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0);
      CHECK(on != 0);
    }
    CHECK(pair.client.local_address().to_string() == pair.server.peer_address().to_string());
    CHECK(pair.client.peer_address().port() == pair.server.local_address().port());
  }());
}

TEST_CASE("a listener accepts many connections in order, also over IPv6") {
  cw::sync_wait([]() -> cw::task<void> {
    cw::tcp_listener listener("127.0.0.1", 0);
    CHECK(listener.local_port() != 0);
    std::vector<cw::tcp_stream> clients;
    for (int i = 0; i < 100; ++i)
      clients.push_back(co_await cw::tcp_stream::connect(listener.local_address()));
    for (int i = 0; i < 100; ++i) {
      const cw::tcp_stream accepted = co_await listener.accept();
      CHECK(accepted.peer_address().port() == clients[static_cast<std::size_t>(i)].local_address().port());
    }
  }());
  try {
    cw::tcp_listener six("::1", 0);
    const cw::tcp_stream client = cw::sync_wait(cw::tcp_stream::connect(six.local_address()));
    CHECK(client.peer_address().to_string() == "[::1]:" + std::to_string(six.local_port()));
  } catch (const std::system_error& error) {
    CHECK(error.code().value() == EADDRNOTAVAIL);  // a machine without IPv6
  }
}

TEST_CASE("an address in use, or of another machine, is refused with the remedy") {
  const cw::tcp_listener first("127.0.0.1", 0);
  const std::string name = first.local_address().to_string();
  CHECK_THROWS_WITH_AS(
      cw::tcp_listener("127.0.0.1", first.local_port()),
      ("cannot listen on " + name +
       " (another program does: stop it, or choose another port, or 0 for any that is free): "
       "Address already in use")
          .c_str(),
      std::system_error);
  CHECK_THROWS_WITH_AS(cw::tcp_listener("203.0.113.1", 0), doctest::Contains("0.0.0.0 listens on all it has"),
                       std::system_error);
}

TEST_CASE("connecting where nobody listens is an error") {
  cw::tcp_listener listener("127.0.0.1", 0);
  const cw::socket_address address = listener.local_address();
  listener.close();
  CHECK(!listener.is_open());
  const auto connect = [](cw::socket_address to) -> cw::task<void> { co_await cw::tcp_stream::connect(to); };
  CHECK(cw::sync_wait(tcp_error_of(connect(address))) ==
        "cannot connect to " + address.to_string() + " (nobody listens there): Connection refused");
}

TEST_CASE("a deadline or a stop ends a read, write or accept; the connection is usable afterwards") {
  cw::sync_wait([]() -> cw::task<void> {
    tcp_pair pair = co_await tcp_connected();
    const cw::executor_ref here = co_await cw::this_coro::executor();
    char buffer[100];
    int ended = 0;
    pair.server.set_deadline(here.now() + 2ms);
    try {
      co_await pair.server.read_some(buffer);
    } catch (const cw::timed_out&) {
      ++ended;
    }
    const std::string large(20'000'000, 'x');
    pair.server.set_deadline(here.now() + 2ms);
    try {
      co_await pair.server.write_all(large);
    } catch (const cw::timed_out&) {
      ++ended;
    }
    CHECK(ended == 2);
    pair.server.set_deadline(cw::time_point::max());
    cw::tcp_listener listener("127.0.0.1", 0);
    cw::scope stopped(co_await cw::this_coro::context());
    stopped.spawn([](cw::tcp_listener& from) -> cw::task<void> { co_await from.accept(); },
                  std::ref(listener));
    stopped.spawn(
        [](cw::tcp_stream& from) -> cw::task<void> {
          char small[1];
          co_await from.read_some(small);
        },
        std::ref(pair.server));
    co_await cw::sleep_for(1ms);
    CHECK(stopped.running() == 2);
    stopped.request_stop();
    co_await stopped.join();
    co_await pair.client.write_all("still");
    const std::size_t count = co_await pair.server.read_some(buffer);
    CHECK(std::string_view(buffer, count) == "still");
  }());
}

TEST_CASE("a peer that resets the connection is an error for the reader and the writer, and no signal") {
  cw::sync_wait([]() -> cw::task<void> {
    tcp_pair pair = co_await tcp_connected();
    pair.client.abort();
    co_await pair.server.readable();
    const auto read = [](cw::tcp_stream& from) -> cw::task<void> {
      char buffer[10];
      co_await from.read_some(buffer);
    };
    const auto write = [](cw::tcp_stream& to) -> cw::task<void> { co_await to.write_all("text"); };
    const std::string read_problem = co_await tcp_error_of(read(pair.server));
    CHECK(read_problem == "cannot read from a connection: Connection reset by peer");
    const std::string write_problem = co_await tcp_error_of(write(pair.server));
    CHECK(write_problem == "cannot write to a connection: Broken pipe");
  }());
}

TEST_CASE("without free descriptors accept() fails with the remedy, and no connection is lost") {
  cw::sync_wait([]() -> cw::task<void> {
    cw::tcp_listener listener("127.0.0.1", 0);
    const cw::tcp_stream client = co_await cw::tcp_stream::connect(listener.local_address());
    const auto accept = [](cw::tcp_listener& at) -> cw::task<void> { co_await at.accept(); };
    auto held = std::make_unique<cw::testing::no_descriptors>();
    const std::string problem = co_await tcp_error_of(accept(listener));
    held.reset();
    CHECK(problem ==
          "a connection cannot be accepted (this process has as many files and connections open as it may: "
          "raise "
          "that limit, ulimit -n, or lower the concurrency): Too many open files");
    const cw::tcp_stream accepted = co_await listener.accept();
    CHECK(accepted.is_open());
  }());
}

TEST_CASE("a peer that sends endlessly does not block the loop") {
  cw::sync_wait([]() -> cw::task<void> {
    tcp_pair pair = co_await tcp_connected();
    const std::string text(1000, 'x');
    co_await pair.client.write_all(text);
    bool had_a_turn = false;
    cw::scope children(co_await cw::this_coro::context());
    children.spawn(
        [](bool& had) -> cw::task<void> {
          had = true;
          co_return;
        },
        std::ref(had_a_turn));
    char byte[1];
    for (int i = 0; i < 100; ++i) co_await pair.server.read_some(byte);
    CHECK(had_a_turn);
    co_await children.join();
  }());
}
