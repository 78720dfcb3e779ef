// Middleware: handlers that wrap other handlers, composed at compile time. An authorised job is timed, and
// run again when the service it depends on fails. `timed` shows how to write a wrapper.
//
// run: ./middleware --test_input '{"input": {"token": "sesame", "city": "Oslo"}}'

#include <chrono>
#include <coworker.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

namespace cw = coworker;
using namespace std::chrono_literals;

// A handler with the same input and result as the handler inside it, which must return a task. (A wrapper
// that only passes its job on takes a `cw::wrapped_job<Handler>&&`, returns `handler(std::move(job))`, and
// works with every kind of handler.)
template <class Handler>
struct timed {
  Handler handler;

  cw::wrapped_result<Handler> operator()(cw::wrapped_job<Handler> job) {
    const std::string id = job.id;
    const cw::executor_ref clock = co_await cw::this_coro::executor();
    const cw::time_point start = clock.now();
    auto result = co_await handler(std::move(job));
    const std::chrono::duration<double, std::milli> took = clock.now() - start;
    std::printf("%s took %.1f ms\n", id.c_str(), took.count());
    co_return result;
  }
};
template <class Handler>
timed(Handler) -> timed<Handler>;

struct request {
  std::string token;
  std::string city;
};

struct connection_lost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Stands for a server that answers only every third request.
std::string ask_weather_service(const std::string& city) {
  static int asked = 0;
  if (++asked % 3 != 0) throw connection_lost("the weather service hung up");
  return "rain in " + city;
}

cw::task<std::string> forecast(cw::job<request> job) { co_return ask_weather_service(job.input.city); }

bool may_ask(const cw::job<request>& job) { return job.input.token == "sesame"; }

int main(int argc, char** argv) {
  auto handler = cw::retried(forecast, {.times = 5, .first_wait = 20ms, .only = cw::thrown<connection_lost>});
  return cw::start(argc, argv, cw::authorised(timed{std::move(handler)}, may_ask));
}
