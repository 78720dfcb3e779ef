// Downloads of files that jobs name by URL: allowed addresses, file names, removal.

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/download.hpp>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <support/call_server.hpp>
#include <support/temporary_folder.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

http::download_options privately() {
  http::download_options how;
  how.allow_private = true;
  return how;
}

std::string how_download_failed(task<http::downloaded_file> calling) {
  try {
    const http::downloaded_file got = sync_wait(std::move(calling));
    return "no failure, but " + got.path();
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a downloaded file exists until its owner is destroyed, or longer if it is kept") {
  call_server server([](const http_request&) { return respond(200, "the picture"); });
  const temporary_folder folder;
  const std::string inputs = folder.name() + "/inputs";
  std::string path;
  {
    http::downloaded_file file =
        sync_wait(http::download(server.url("/a/picture.png?size=2"), inputs, privately()));
    path = file.path();
    CHECK(path == inputs + "/picture.png");
    CHECK(file.size() == 11);
    CHECK(folder.read("inputs/picture.png") == "the picture");
    struct stat found {};
    REQUIRE(::stat(path.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
    http::downloaded_file moved = std::move(file);
    CHECK(::access(path.c_str(), F_OK) == 0);
    std::optional<http::downloaded_file> other(std::move(moved));
    other.reset();
    CHECK(::access(path.c_str(), F_OK) != 0);
    file = sync_wait(http::download(server.url("/a/picture.png"), inputs, privately()));
    CHECK(::access(path.c_str(), F_OK) == 0);
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
  sync_wait(http::download(server.url("/kept"), inputs, privately())).keep();
  CHECK(folder.read("inputs/kept") == "the picture");
}

TEST_CASE("a download connects to public addresses only, and uses no proxy") {
  call_server server([](const http_request&) { return respond(200, "secret"); });
  const temporary_folder folder;
  const std::string port = server.url("/x").substr(std::string("http://127.0.0.1").size());
  ::setenv("http_proxy", server.url().c_str(), 1);
  CHECK(how_download_failed(http::download(server.url("/x"), folder.name())) ==
        "GET " + server.url("/x") +
            ": it leads to 127.0.0.1, which is not a public address; set download_options::allow_private "
            "if that is intended");
  ::unsetenv("http_proxy");
  for (const char* const host : {"localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "0", "10.1.1.1",
                                 "169.254.169.254", "user@127.0.0.1"}) {
    CAPTURE(host);
    const std::string url = "http://" + std::string(host) + port;
    CHECK(how_download_failed(http::download(url, folder.name())).find("which is not a public address") !=
          std::string::npos);
  }
  for (const char* const url :
       {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "dict://127.0.0.1/x"}) {
    CHECK(how_download_failed(http::download(url, folder.name(), privately())).find("only http and https") !=
          std::string::npos);
  }
  CHECK(server.connections() == 0);
  CHECK(folder.files() == 0);
}

TEST_CASE("a download follows redirects, and shares no connection with other calls") {
  call_server server([](const http_request& asked) {
    return asked.path() == "/x" ? redirect_to("/there") : respond(200, "moved here");
  });
  const temporary_folder folder;
  const auto all = [](const call_server& at, std::string to) -> task<void> {
    const http::download_options how = privately();
    const http::response before = co_await http::get(at.url("/"));
    CHECK(before.ok());
    const http::downloaded_file file = co_await http::download(at.url("/x"), to, how);
    CHECK(file.path() == to + "/x");
    const http::response after = co_await http::get(at.url("/"));
    CHECK(after.ok());
  };
  sync_wait(all(server, folder.name()));
  CHECK(server.connections() == 2);
}

TEST_CASE("no name leads out of the folder, and no existing file is replaced") {
  call_server server([](const http_request&) { return respond(200, "new"); });
  const temporary_folder folder;
  const std::string name = folder.name() + "/in";
  const auto called = [&](const std::string& path) {
    http::downloaded_file file = sync_wait(http::download(server.url(path), name, privately()));
    return file.path().substr(name.size() + 1);
  };
  CHECK(called("/..%2f..%2fetc%2fpasswd") == "_._.._etc_passwd");
  CHECK(called("/%2e%2e") == "_.");
  CHECK(called("/") == "download");
  CHECK(called("") == "download");
  CHECK(called("/a%00b") == "a_b");
  CHECK(called("/.bashrc") == "_bashrc");
  CHECK(called("/a%20b%5cc") == "a_b_c");
  CHECK(called("/" + std::string(500, 'a') + ".png") == std::string(116, 'a') + ".png");
  folder.write("in/x.tar.gz", "old");
  CHECK(called("/x.tar.gz") == "x.tar-2.gz");
  CHECK(folder.read("in/x.tar.gz") == "old");
  REQUIRE(::symlink("/tmp/elsewhere", (name + "/link").c_str()) == 0);
  CHECK(called("/link") == "link-2");
  http::download_options how = privately();
  how.name = "chosen name.bin";
  CHECK(sync_wait(http::download(server.url("/x"), name, how)).path() == name + "/chosen name.bin");
  for (const char* const bad : {"../x", "/x", "a/b", "..", "."}) {
    how.name = bad;
    CHECK_THROWS_AS(sync_wait(http::download(server.url("/x"), name, how)), std::invalid_argument);
  }
}

TEST_CASE("a download that fails, is too large or is stopped leaves no file") {
  event begun;
  stream_server endless([&](tcp_stream& peer) -> task<void> {
    const std::string head = co_await read_head(peer);
    co_await peer.write_all("HTTP/1.1 200 OK\r\n\r\n");
    const std::string piece(4096, 'x');
    for (int i = 0; i < 3; ++i) co_await peer.write_all(piece);
    begun.set();
    if (head.starts_with("GET /stop")) co_await read_to_end(peer);
    for (;;) co_await peer.write_all(piece);
  });
  call_server missing([](const http_request&) { return respond(404, "no"); });
  const temporary_folder folder;
  http::download_options how = privately();
  how.call.size_limit = 100'000;
  CHECK(how_download_failed(http::download(endless.url() + "x", folder.name(), how)) ==
        "GET " + endless.url() +
            "x: the response is larger than 100000 bytes; raise call_options::size_limit");
  CHECK(how_download_failed(http::download(missing.url("/x"), folder.name(), how)) ==
        "GET " + missing.url("/x") + ": the status is 404; check the URL, and whether it has expired");
  CHECK(folder.files() == 0);
  begun.reset();
  const auto stopped = [](std::string url, std::string to, event& under_way) -> task<void> {
    scope calls(co_await this_coro::context());
    bool ended = false;
    const auto call = [](std::string from, std::string into, bool& is_cancelled) -> task<void> {
      const http::download_options allowed = privately();
      try {
        const http::downloaded_file file = co_await http::download(std::move(from), std::move(into), allowed);
        CHECK(file.path().empty());
      } catch (const cancelled&) {
        is_cancelled = true;
      }
    };
    calls.spawn(call(std::move(url), std::move(to), ended));
    co_await under_way.wait();
    calls.request_stop();
    co_await calls.join();
    CHECK(ended);
  };
  sync_wait(stopped(endless.url() + "stop", folder.name(), begun));
  CHECK(folder.files() == 0);
}

}  // namespace coworker::testing
