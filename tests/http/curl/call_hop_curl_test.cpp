// How a call retries and redirects, in virtual time: waits, numbers of tries, failures.

#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/curl/call_hop.hpp>
#include <deque>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;

detail::hop_result hop_responds(int status, std::optional<duration> retry_after = std::nullopt) {
  detail::hop_result made;
  made.response.status = status;
  made.retry_after = retry_after;
  return made;
}

detail::hop_result hop_leads(const std::string& to, int status = 302) {
  detail::hop_result made = hop_responds(status);
  made.location = to;
  return made;
}

detail::hop_result hop_fails(http_failure failure, bool nothing_sent = false) {
  detail::hop_result made;
  made.failure = failure;
  made.problem = "no luck";
  made.nothing_sent = nothing_sent;
  return made;
}

/// Gives each hop the next result of a script; the last one repeats.
class scripted_maker final : public detail::hop_maker {
 public:
  struct seen {
    duration at;
    std::string method;
    std::string url;
    std::vector<std::string> headers;
    bool has_body;
    bool follows;
    bool is_repeated;
    const detail::call_terms* terms;
  };

  explicit scripted_maker(std::vector<detail::hop_result> script) : script_(script.begin(), script.end()) {}

  task<void> make(const detail::call_hop& hop, detail::hop_result& made) override {
    co_await sleep_for(takes);
    hops.push_back({loop.elapsed(), hop.method, hop.url, hop.headers, hop.body != nullptr, hop.follows,
                    hop.is_repeated, &hop.terms});
    made = script_.front();
    if (script_.size() > 1) script_.pop_front();
  }

  http::response run(http::request& request) {
    return sync_wait(loop, detail::make_hops(request, terms, *this));
  }
  /// Returns the status, or the text of the error.
  std::string outcome_of(http::request& request) {
    try {
      return std::to_string(run(request).status);
    } catch (const http::call_error& error) {
      return error.what();
    }
  }

  simulated_loop loop;
  detail::call_terms terms;
  duration takes{};
  std::vector<seen> hops;

 private:
  std::deque<detail::hop_result> script_;
};

http::request hop_request_of(const std::string& method, const std::string& url = "https://a.example/x") {
  http::request made(url);
  made.method = method;
  if (method == "POST" || method == "PUT") made.body = "body";
  return made;
}

std::size_t hop_tries(const std::string& method, const detail::hop_result& each,
                      std::optional<bool> repeatable = std::nullopt) {
  scripted_maker maker({each});
  http::request request = hop_request_of(method);
  request.options.repeatable = repeatable;
  maker.outcome_of(request);
  return maker.hops.size();
}

}  // namespace

TEST_CASE("only a request that may be repeated is retried") {
  for (const char* const method : {"GET", "HEAD", "PUT", "DELETE"}) {
    CHECK(hop_tries(method, hop_fails(http_failure::broken)) == 3);
    CHECK(hop_tries(method, hop_fails(http_failure::timed_out)) == 3);
    CHECK(hop_tries(method, hop_fails(http_failure::unreachable, true)) == 3);
    CHECK(hop_tries(method, hop_fails(http_failure::untrusted)) == 1);
    CHECK(hop_tries(method, hop_fails(http_failure::unusable, true)) == 1);
    for (const int status : {429, 502, 503, 504}) CHECK(hop_tries(method, hop_responds(status)) == 3);
    for (const int status : {200, 304, 400, 404, 500, 501})
      CHECK(hop_tries(method, hop_responds(status)) == 1);
    CHECK(hop_tries(method, hop_fails(http_failure::broken), false) == 1);
  }
  for (const char* const method : {"POST", "PATCH"}) {
    CHECK(hop_tries(method, hop_fails(http_failure::broken)) == 1);
    CHECK(hop_tries(method, hop_fails(http_failure::timed_out)) == 1);
    CHECK(hop_tries(method, hop_fails(http_failure::unreachable, true)) == 3);
    CHECK(hop_tries(method, hop_responds(503)) == 1);
    CHECK(hop_tries(method, hop_responds(503), true) == 3);
    CHECK(hop_tries(method, hop_fails(http_failure::broken), true) == 3);
  }
}

TEST_CASE("the waits grow, and last as long as the server asks, up to the caller's limit") {
  scripted_maker maker({hop_responds(503)});
  http::request request = hop_request_of("GET");
  request.options.tries = 8;
  CHECK(maker.outcome_of(request) == "503");
  REQUIRE(maker.hops.size() == 8);
  for (std::size_t i = 1; i < 8; ++i) {
    const duration bound = std::min<duration>(500ms * (1 << (i - 1)), 10s);
    const duration wait = maker.hops[i].at - maker.hops[i - 1].at;
    CHECK(wait >= bound / 2);
    CHECK(wait <= bound);
  }
  scripted_maker asks({hop_responds(429, 20s), hop_responds(200)});
  http::request second = hop_request_of("GET");
  CHECK(asks.outcome_of(second) == "200");
  CHECK(asks.loop.elapsed() == 20s);
  scripted_maker asks_too_much({hop_responds(429, 31s), hop_responds(200)});
  http::request third = hop_request_of("GET");
  CHECK(asks_too_much.outcome_of(third) == "429");
  CHECK(asks_too_much.loop.elapsed() == 0s);
  third.options.longest_wait = 40s;
  CHECK(asks_too_much.outcome_of(third) == "200");
}

TEST_CASE("no retry begins that does not fit in the total timeout") {
  scripted_maker maker({hop_responds(503)});
  maker.takes = 1s;
  http::request request = hop_request_of("GET");
  request.options.tries = 100;
  request.options.total_timeout = 10s;
  CHECK(maker.outcome_of(request) == "503");
  CHECK(maker.hops.back().at <= 11s);
  CHECK(maker.hops.size() < 10);
}

TEST_CASE("an error contains the URL, the cause, the number of tries, and what to do") {
  scripted_maker maker({hop_fails(http_failure::unreachable, true)});
  http::request request = hop_request_of("GET", "https://me:pw@a.example/x?key=1");
  CHECK(maker.outcome_of(request) ==
        "GET https://***@a.example/x?***: no luck, 3 times; check the address, and that the server runs");
  scripted_maker untrusted({hop_fails(http_failure::untrusted)});
  CHECK(untrusted.outcome_of(request) ==
        "GET https://***@a.example/x?***: no luck; name the authority that signed its certificate in "
        "call_options::ca_file");
  for (const auto& [url, shown] : std::vector<std::pair<std::string, std::string>>{
           {"http://a.example", "http://a.example"},
           {"http://u@a.example", "http://***@a.example"},
           {"http://a.example/p@q/r", "http://a.example/p@q/r"},
           {"http://u:p@x@a.example/?a@b", "http://***@a.example/?***"},
           {"http://a.example?u:p@b", "http://a.example?***"},
           {"http://a.example/x#u:p@b", "http://a.example/x"},
           {"u:p@host/x", "***@host/x"}}) {
    CHECK(detail::shown_url(url) == shown);
  }
}

TEST_CASE("a redirect keeps the call's terms, drops secret headers, and does not count as a try") {
  scripted_maker maker({hop_responds(503), hop_leads("https://a.example/y", 307), hop_responds(503),
                        hop_leads("https://b.example/z", 308), hop_leads("http://b.example/z", 302),
                        hop_responds(200)});
  http::request request = hop_request_of("PUT");
  request.options.headers = {"Authorization: x", "content-type: y", "X-Own: z"};
  CHECK(maker.outcome_of(request) == "200");
  REQUIRE(maker.hops.size() == 6);
  CHECK(maker.hops[2].headers.size() == 3);
  CHECK(maker.hops[2].has_body);
  CHECK(maker.hops[4].headers == std::vector<std::string>{"content-type: y"});
  CHECK(maker.hops[4].has_body);
  CHECK(maker.hops[4].method == "PUT");
  CHECK(maker.hops[5].url == "http://b.example/z");
  for (const scripted_maker::seen& hop : maker.hops) CHECK(hop.terms == &maker.terms);
  scripted_maker back(
      {hop_leads("https://b.example/", 302), hop_leads("https://a.example/x", 302), hop_responds(200)});
  http::request there = hop_request_of("GET");
  there.options.headers = {"Authorization: x"};
  CHECK(back.outcome_of(there) == "200");
  CHECK(back.hops[2].headers.empty());  // the hop comes from another server
  scripted_maker upgrade({hop_leads("https://a.example/x", 301), hop_responds(200)});
  http::request plain = hop_request_of("GET", "http://a.example/x");
  plain.options.headers = {"Authorization: x"};
  CHECK(upgrade.outcome_of(plain) == "200");
  CHECK(upgrade.hops[1].headers.size() == 1);
  scripted_maker downgrade({hop_leads("http://a.example/x", 301), hop_responds(200)});
  http::request secure = hop_request_of("GET");
  secure.options.headers = {"Authorization: x"};
  CHECK(downgrade.outcome_of(secure) == "200");
  CHECK(downgrade.hops[1].headers.empty());
}

TEST_CASE("the method after a redirect follows RFC 9110 and browsers") {
  for (const auto& [method, status, then] :
       std::vector<std::tuple<std::string, int, std::string>>{{"POST", 301, "GET"},
                                                              {"POST", 302, "GET"},
                                                              {"POST", 303, "GET"},
                                                              {"POST", 307, "POST"},
                                                              {"POST", 308, "POST"},
                                                              {"PUT", 301, "PUT"},
                                                              {"PUT", 303, "GET"},
                                                              {"HEAD", 303, "HEAD"},
                                                              {"DELETE", 302, "DELETE"}}) {
    scripted_maker maker({hop_leads("https://a.example/y", status), hop_responds(200)});
    http::request request = hop_request_of(method);
    CHECK(maker.outcome_of(request) == "200");
    CHECK(maker.hops[1].method == then);
    CHECK(maker.hops[1].has_body == (then == "POST" || then == "PUT"));
    CHECK(maker.hops[1].is_repeated == (then != "POST"));
  }
  scripted_maker not_modified({hop_leads("https://a.example/y", 304)});
  http::request request = hop_request_of("GET");
  CHECK(not_modified.outcome_of(request) == "304");
}

}  // namespace coworker::testing
