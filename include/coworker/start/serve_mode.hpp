#pragma once
// The modes in which a worker is an HTTP server: the queue API, a plain service, realtime; and the port
// beside a queue. Must not know which argument or variable asked for it.

#include <coworker/system.hpp>

#if COWORKER_POSIX
#include <sys/resource.h>
#endif

#include <coworker/coro/clock.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/http/server_options.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/log.hpp>
#include <coworker/net/address.hpp>
#include <coworker/start/arguments.hpp>
#include <coworker/start/mode.hpp>
#include <coworker/start/run_engine.hpp>
#include <coworker/start/watched_worker.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/endpoint/gate.hpp>
#include <coworker/transport/endpoint/server.hpp>
#include <coworker/transport/environment.hpp>
#include <coworker/transport/runpod/bodies.hpp>
#include <coworker/worker/options.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// What a server shows about the user's handler.
struct served_handler {
  std::vector<route_description> routes = {};
  bool streams = false;
  bool raw = false;
  json (*schema)() = nullptr;
};

struct serve_plan {
  endpoint_options endpoint;
  std::string host;
  std::uint16_t port = 0;
  std::uint16_t health_port = 0;
};

// Returns nothing if the variable is not set. Throws: environment_error if it is not a port.
inline std::optional<std::uint16_t> port_from_environment(const char* name) {
  const std::optional<std::string> value = coworker::environment(name);
  if (!value) return std::nullopt;
  const std::optional<std::uint64_t> number = detail::read_decimal(*value);
  if (!number || *number == 0 || *number > 65535)
    throw environment_error(std::string(name) + ": \"" + *value +
                            "\" is no port; set it to a number from 1 to 65535");
  return static_cast<std::uint16_t>(*number);
}

inline std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Returns host and port as in a URL, where an IPv6 address has brackets.
inline std::string place_text(const std::string& host, std::uint16_t port) {
  const bool is_bare_ipv6 = host.find(':') != std::string::npos && !host.starts_with('[');
  return (is_bare_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

inline std::string platform_error_text(const error_info& error, const logger& log) {
  worker_identity identity;
  identity.worker_id = coworker::environment("RUNPOD_POD_ID").value_or("local");
  identity.hostname = coworker::environment("RUNPOD_POD_HOSTNAME").value_or("localhost");
  return coworker::error_report(error, identity, log);
}

inline bool takes_openai(const served_handler& handler) {
  if (handler.schema == nullptr) return false;
  const json schema = handler.schema();
  const auto properties = schema.find("properties");
  return properties != schema.end() && properties->contains("openai_route");
}

inline serve_plan plan_serving(const start_arguments& arguments, const chosen_mode& chosen,
                               const options& settings, const served_handler& handler) {
  serve_plan plan;
  endpoint_options& made = plan.endpoint;
  made.kind = chosen.mode == start_mode::queue_api  ? endpoint_kind::queue_api
              : chosen.mode == start_mode::realtime ? endpoint_kind::realtime
                                                    : endpoint_kind::service;
  made.streams = handler.streams;
  made.raw = handler.raw;
  made.routes = handler.routes;
  made.schema = handler.schema;
  made.openai_routes = settings.openai_routes || detail::takes_openai(handler);
  made.most_waiting = settings.most_waiting;
  made.seed = detail::random_bits();
  made.worker_id = coworker::environment("RUNPOD_POD_ID").value_or("local");
  made.token = coworker::environment("COWORKER_API_TOKEN").value_or(std::string());
  made.health_path = coworker::environment("HEALTH_CHECK_PATH").value_or("/ping");
  const bool by_platform = !chosen.variable.empty() || arguments.serve_word;
  const std::optional<std::uint16_t> port = detail::port_from_environment("PORT");
  plan.host = by_platform ? "0.0.0.0" : "localhost";
  plan.port = 8000;
  if (made.kind == endpoint_kind::service) plan.port = port.value_or(by_platform ? 8080 : 8000);
  if (chosen.variable == "PORT_HEALTH" || coworker::environment("PORT_HEALTH")) {
    made.loading_status = 204;
    if (chosen.variable == "PORT_HEALTH") plan.port = port.value_or(80);
    plan.health_port = detail::port_from_environment("PORT_HEALTH").value_or(0);
  }
  if (chosen.variable == "AIP_HTTP_PORT") {
    plan.port = detail::port_from_environment("AIP_HTTP_PORT").value_or(8080);
    made.health_path = coworker::environment("AIP_HEALTH_ROUTE").value_or("/ping");
    made.predict_path = coworker::environment("AIP_PREDICT_ROUTE").value_or("/predict");
  }
  if (made.kind == endpoint_kind::realtime) {
    plan.port = detail::port_from_environment("RUNPOD_REALTIME_PORT").value_or(0);
    made.realtime_path =
        "/" + coworker::environment("RUNPOD_ENDPOINT_ID").value_or(std::string()) + "/realtime";
    if (made.realtime_path.starts_with("//")) made.realtime_path.erase(0, 1);
    made.most_in_progress = 1;
    if (const auto most = coworker::environment("RUNPOD_REALTIME_CONCURRENCY")) {
      const std::optional<std::uint64_t> number = detail::read_decimal(*most);
      if (!number || *number == 0 || *number > 1'000'000)
        throw environment_error("RUNPOD_REALTIME_CONCURRENCY: \"" + *most +
                                "\" is no number of jobs; set it to 1 or more");
      made.most_in_progress = static_cast<int>(*number);
    }
  }
  if (made.kind != endpoint_kind::service) {
    if (settings.magic_members) made.interpret = &coworker::read_magic_members;
    made.error_text = &detail::platform_error_text;
  }
  if (arguments.rp_debugger) made.add_timings = &coworker::add_debugger_member;
  if (arguments.api_host) plan.host = *arguments.api_host;
  if (arguments.api_port) plan.port = *arguments.api_port;
  if (plan.health_port == plan.port) plan.health_port = 0;
  made.only_local = detail::is_loopback_host(plan.host);
  return plan;
}

// Lets the process open as many descriptors, as far as the hard limit allows.
inline void allow_descriptors([[maybe_unused]] std::size_t wanted) noexcept {
#if COWORKER_POSIX
  rlimit given{};
  if (::getrlimit(RLIMIT_NOFILE, &given) != 0 || given.rlim_cur >= wanted) return;
  given.rlim_cur = wanted < given.rlim_max ? rlim_t{wanted} : given.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &given);
#endif
}

inline http_server_options server_options(std::size_t connections, logger& log) {
  http_server_options made;
  made.connections = connections;
  made.unix_time = &detail::unix_seconds;
  made.log = &log;
  return made;
}

// Throws: usage_error if it cannot listen there.
template <class Server>
void listen_at(std::optional<Server>& server, http_endpoint& endpoint, const std::string& host,
               std::uint16_t port, std::uint16_t health_port, std::size_t connections, logger& log) {
  constexpr std::size_t for_the_rest = 256;
  detail::allow_descriptors(connections + for_the_rest);
  try {
    server.emplace(endpoint, host, port, health_port, detail::server_options(connections, log));
  } catch (const std::exception& error) {
    throw usage_error("cannot serve on " + detail::place_text(host, port) + ": " + error.what() +
                      "; choose another with --rp_api_host and --rp_api_port");
  }
}

inline void log_address(const serve_plan& plan, std::uint16_t port, logger& log) {
  const std::string url = "http://" + detail::place_text(plan.host, port);
  switch (plan.endpoint.kind) {
    case endpoint_kind::queue_api:
      log.write(log_level::info, "Serving on " + url + " (console), /run, /runsync, /docs.");
      break;
    case endpoint_kind::realtime:
      log.write(log_level::info, "Serving on " + url + plan.endpoint.realtime_path + ".");
      break;
    case endpoint_kind::service:
    case endpoint_kind::monitor:
      log.write(log_level::info, "Serving on " + url + ": a POST on any path is a job; health at " +
                                     plan.endpoint.health_path + ", metrics at /metrics.");
  }
  if (!plan.endpoint.only_local && plan.endpoint.kind == endpoint_kind::queue_api &&
      plan.endpoint.token.empty())
    log.write(log_level::warn, "Whoever reaches " + detail::place_text(plan.host, port) +
                                   " can run jobs here, read their results and end them; set "
                                   "COWORKER_API_TOKEN to ask for a token.");
}

template <class Worker>
int run_serve_mode(Worker& runner, serve_plan plan, duration ready_delay, const options& settings,
                   logger& log, const build_parts& build) {
  plan.endpoint.webhooks = build.begin_webhooks != nullptr;
  plan.endpoint.ready_delay = ready_delay;
  log.hide(plan.endpoint.token);
  http_endpoint endpoint(plan.endpoint, log);
  stdout_sink standard_output;
  log_sink& lines = settings.sink != nullptr ? *settings.sink : static_cast<log_sink&>(standard_output);
  console_log shown(lines, endpoint.jobs());
  struct sink_for_a_while {
    logger& log;
    log_sink& before;
    ~sink_for_a_while() { log.set_sink(before); }
  } const restored{log, lines};
  if (plan.endpoint.kind == endpoint_kind::queue_api) log.set_sink(shown);
  shared_handle<side_work> webhooks;
  if (plan.endpoint.kind == endpoint_kind::queue_api && build.begin_webhooks != nullptr)
    webhooks = build.begin_webhooks(endpoint);
  std::optional<endpoint_server> server;
  detail::listen_at(server, endpoint, plan.host, plan.port, plan.health_port, settings.most_connections, log);
  // Logged only once signals are handled, because whoever waits for this line may send one.
  struct address_line {
    const serve_plan& plan;
    std::uint16_t port;
    logger& log;
  } where{plan, server->port(), log};
  endpoint.when_begun(
      [](void* argument) {
        const address_line& one = *static_cast<const address_line*>(argument);
        detail::log_address(one.plan, one.port, one.log);
      },
      &where);
  return detail::serve_engine(runner, endpoint, settings.grace_period, log, build);
}

// The port beside a queue, if the options ask for one.
template <class Server>
class basic_monitor_server {
 public:
  basic_monitor_server(worker_access& watched, const options& settings, logger& log)
      : endpoint_(options_of(settings), log) {
    if (settings.metrics_port == 0) return;
    endpoint_.jobs().worker_comes(worker_control(watched));
    detail::listen_at(server_, endpoint_, settings.metrics_host, settings.metrics_port, 0,
                      http_server_options().connections, log);
    log.write(log_level::info, "Metrics on http://" +
                                   detail::place_text(settings.metrics_host, server_->port()) + "/metrics.");
  }

 private:
  static endpoint_options options_of(const options& settings) {
    endpoint_options made;
    made.kind = endpoint_kind::monitor;
    made.only_local = detail::is_loopback_host(settings.metrics_host);
    made.token = coworker::environment("COWORKER_API_TOKEN").value_or(std::string());
    return made;
  }

  http_endpoint endpoint_;
  std::optional<Server> server_;
};
using monitor_server = basic_monitor_server<endpoint_server>;

}  // namespace coworker::inline v0_1::detail
