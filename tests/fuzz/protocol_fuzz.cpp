// Fuzzes the meaning of the queue's responses. The input is a script of responses, one per line, which the
// requests of a whole runpod_queue receive one after the other, in virtual time:
//
//   STATUS RETRY_AFTER BODY      200 - [{"id":"a","input":1}]
//
// RETRY_AFTER is in milliseconds, or - for none. A STATUS below 10 means that no response arrives, for one of
// several reasons. After the end of the script, polls return no jobs and results are accepted. Whatever the
// responses: every job with an id is taken exactly once, and nothing else is; its result is posted until the
// server accepts or refuses it, or its time is over; and no exception escapes.
//
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude tests/fuzz/protocol_fuzz.cpp -o
//   protocol_fuzz
//   ./protocol_fuzz -max_total_time=600 CORPUS tests/fuzz/corpus/protocol        (new inputs go to CORPUS)

#include <algorithm>
#include <chrono>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/json/utf8.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/transport/runpod/stop_channel.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using coworker::http_failure;
using coworker::http_request;
using coworker::http_response;
using coworker::job_envelope;
using coworker::json;
using coworker::task;

void require(bool fact) {
  if (!fact) std::abort();
}

class checked_log final : public coworker::log_sink {
 public:
  void write(coworker::log_level, std::string_view line) noexcept override {
    require(coworker::find_invalid_utf8(line) == std::string_view::npos);
  }
};

std::optional<json> parsed(std::string_view text) {
  try {
    return json::parse(text);
  } catch (const coworker::json_parse_error&) {
    return std::nullopt;
  }
}

// Removes the text up to `end`, or all of it, from the front and returns it.
std::string_view take_until(std::string_view& text, char end) {
  const std::size_t size = std::min(text.find(end), text.size());
  const std::string_view front = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return front;
}

int number_in(std::string_view text, int most) {
  int number = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') number = std::min(number * 10 + (c - '0'), most);
  }
  return number;
}

http_response read_response(std::string_view line) {
  http_response made;
  made.status = number_in(take_until(line, ' '), 9999);
  const std::string_view wait = take_until(line, ' ');
  if (wait != "-") made.retry_after = std::chrono::milliseconds(1 + number_in(wait, 24 * 60 * 60 * 1000));
  made.body = line;
  if (made.status < 10) {
    made.failure = static_cast<http_failure>(1 + made.status % 5);
    made.problem = "no luck";
    made.status = 0;
  }
  return made;
}

// The meaning of a response to a post, computed by code that is independent of the queue's.
enum class meaning { accepted, refused, unknown_job, not_sendable, try_again };

meaning meaning_of(const http_response& answer) {
  if (answer.failure == http_failure::unusable) return meaning::not_sendable;
  if (answer.failure != http_failure::none) return meaning::try_again;
  switch (answer.status) {
    case 400:
    case 413:
    case 422:
      return meaning::refused;
    case 404:
    case 409:
    case 410:
      return meaning::unknown_job;
    default:
      return answer.status / 100 == 2 ? meaning::accepted : meaning::try_again;
  }
}

// Whether the result may have arrived nevertheless. If so, no other result may replace it.
bool leaves_doubt(const http_response& answer) {
  if (answer.failure == http_failure::none) return answer.status >= 500 && answer.status != 503;
  return answer.failure == http_failure::timed_out || answer.failure == http_failure::broken;
}

struct exchange {
  std::string body;  // of the request
  http_response answer;
};

class script_client {
 public:
  explicit script_client(std::string_view script) : script_(script) {}

  std::vector<exchange> posts;
  http_response polled;  // the response to the last poll

  bool drained() const { return script_.empty(); }

  task<http_response> send(const http_request& request) {
    check(request);
    http_response answer = next(request);
    co_await coworker::sleep_for(answer.status == 204 ? 90s : 1ms);
    if (request.body) {
      posts.push_back({*request.body, answer});
    } else {
      polled = answer;
    }
    co_return answer;
  }

 private:
  http_response next(const http_request& request) {
    if (!drained()) return read_response(take_until(script_, '\n'));
    http_response answer;
    answer.status = request.body ? 200 : request.url.find("/job-stop/") != std::string::npos ? 404 : 204;
    return answer;
  }

  static void check_header(std::string_view header) {
    for (const char c : header) require(c >= ' ' && c <= '~');
  }

  static void check(const http_request& request) {
    for (const char c : request.url) require(c > ' ' && c <= '~');
    for (const std::string& header : request.headers) check_header(header);
    check_header(request.own_header);
    if (request.body) require(parsed(*request.body).has_value());
  }

  std::string_view script_;
};

// The jobs in a JSON body, found by code that is independent of the queue's.
std::vector<json> jobs_in(json document) {
  if (!document.is_array()) document = json::array({std::move(document)});
  std::vector<json> found;
  for (const json& item : document) {
    if (item.is_object() && item.contains("id") && item.at("id").is_string() && item.at("id") != "")
      found.push_back(item);
  }
  return found;
}

void check_envelope(const job_envelope& given, json item) {
  require(given.id == item.at("id").get<std::string>());
  require(given.problem.empty() == item.contains("input"));
  if (item.contains("input")) require(given.input == item.at("input"));
  item.erase("id");
  item.erase("input");
  require(given.details == item);
}

void check_taken(const http_response& answer, const std::vector<job_envelope>& given) {
  if (answer.failure != http_failure::none || answer.status != 200) {
    require(given.empty());
  } else if (std::optional<json> document = parsed(answer.body)) {
    const std::vector<json> expected = jobs_in(std::move(*document));
    require(given.size() == expected.size());
    for (std::size_t i = 0; i < given.size(); ++i) check_envelope(given[i], expected[i]);
  } else {
    for (const job_envelope& job : given)
      require(!job.id.empty() && answer.body.find("\"id\"") != std::string::npos);
  }
}

class protocol_run {
 public:
  explicit protocol_run(std::string_view script) : client_(script) {
    log_.set_sink(sink_);
    options_.urls = {"http://h/job-take/$ID?gpu=A", "http://h/job-done/$RUNPOD_POD_ID/$ID?gpu=A", "", ""};
    options_.api_key = "key";
  }

  task<void> run() {
    coworker::runpod_queue<script_client> queue(client_, options_, log_);
    while (!client_.drained()) {
      co_await take(queue);
      while (held_.size() > 1) co_await complete(queue);
    }
    while (!held_.empty()) co_await complete(queue);
  }

 private:
  task<void> take(coworker::runpod_queue<script_client>& queue) {
    const std::size_t posts_before = client_.posts.size();
    client_.polled = http_response();
    const coworker::take_result taken = co_await queue.take({4, held_.size()});
    require(!taken.closed && client_.posts.size() == posts_before);
    check_taken(client_.polled, taken.jobs);
    for (const job_envelope& job : taken.jobs) held_.push_back(job.id);
  }

  task<void> complete(coworker::runpod_queue<script_client>& queue) {
    const std::string id = held_.front();
    held_.pop_front();
    const coworker::executor_ref clock = co_await coworker::this_coro::executor();
    const coworker::time_point start = clock.now();
    client_.posts.clear();
    const std::string body = json{{"output", id}}.dump();
    const coworker::delivery delivered =
        co_await queue.complete({id, coworker::outcome::success(id), false, nullptr});
    check_posts(body, delivered);
    const coworker::duration took = clock.now() - start;
    require(took <= 2 * (options_.delivery_deadline + 91s));
    if (delivered == coworker::delivery::given_up)
      require(gave_up_early_ || took >= options_.delivery_deadline);
  }

  // Checks the posts: the result, until it is accepted or refused; then, if the body was certainly refused,
  // an error that says so.
  void check_posts(const std::string& body, coworker::delivery delivered) {
    const std::vector<exchange>& posts = client_.posts;
    std::size_t i = 0;
    bool doubt = false;
    int unknown = 0;
    meaning last = meaning::try_again;
    for (; i < posts.size() && posts[i].body == body; ++i) {
      last = meaning_of(posts[i].answer);
      if (last == meaning::unknown_job) {
        ++unknown;
        require(unknown == 1 || i + 1 == posts.size());
      } else if (last != meaning::try_again) {
        break;
      }
      doubt = doubt || leaves_doubt(posts[i].answer);
    }
    const bool reports_refusal = last == meaning::refused && !doubt;
    if (i < posts.size()) require(posts[i].body == body && (i + 1 == posts.size() || reports_refusal));
    switch (delivered) {
      case coworker::delivery::accepted:
        require(last == meaning::accepted);
        break;
      case coworker::delivery::refused:
        require(last == meaning::refused);
        require(reports_refusal == (i + 1 < posts.size()));
        for (std::size_t k = i + 1; k < posts.size(); ++k)
          require(json::parse(posts[k].body).contains("error"));
        break;
      case coworker::delivery::unwanted:
        require(last == meaning::unknown_job && unknown == 2);
        break;
      case coworker::delivery::given_up:
        require(last == meaning::not_sendable || last == meaning::try_again || last == meaning::unknown_job);
        break;
    }
    gave_up_early_ = last == meaning::not_sendable;
  }

  script_client client_;
  checked_log sink_;
  coworker::logger log_{coworker::log_level::trace};
  coworker::runpod_options options_;
  std::deque<std::string> held_;
  bool gave_up_early_ = false;  // the last result could not be sent at all
};

void run_stop_channel(std::string_view script) {
  script_client client(script);
  checked_log sink;
  coworker::logger log(coworker::log_level::trace);
  log.set_sink(sink);
  const coworker::queue_urls urls({"http://h/job-take/$ID", "http://h/job-done/$ID", "", ""}, "w");
  std::size_t answers = static_cast<std::size_t>(std::count(script.begin(), script.end(), '\n')) + 2;
  const auto on_stop = [&client](const std::string& id) {
    require(client.polled.status == 200);
    const std::optional<json> document = parsed(client.polled.body);
    if (!document) return;  // the queue reads it item by item
    const json named = document->at("jobsToStop");
    require(std::find(named.begin(), named.end(), json(id)) != named.end());
  };
  coworker::simulated_loop loop;
  coworker::sync_wait(loop, coworker::watch_stops(client, urls, {}, log, on_stop));
  require(loop.elapsed() <= static_cast<int>(answers) * (24h + 2min));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view script(reinterpret_cast<const char*>(data), size);
  protocol_run one(script);
  coworker::simulated_loop loop;
  coworker::sync_wait(loop, one.run());
  run_stop_channel(script);
  return 0;
}
