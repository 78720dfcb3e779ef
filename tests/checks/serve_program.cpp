// The server that serve_test.py runs. Its first argument selects the handler, and the input of each job says
// how the job runs and ends.

#include <chrono>
#include <coworker.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cw = coworker;

namespace {

cw::task<cw::json> run_as_input_says(cw::job<> job) {
  if (!job.input.is_object()) co_return job.input;
  co_await cw::sleep_for(std::chrono::milliseconds(job.input.value("ms", 0)));
  if (job.input.contains("throw")) throw std::runtime_error(job.input.at("throw").get<std::string>());
  if (job.input.contains("id")) co_return job.id;
  co_return job.input.value("answer", cw::json("done"));
}

// Blocks a thread, as a computation does.
std::string block(cw::job<> job) {
  cw::block_for(std::chrono::milliseconds(job.input.value("ms", 0)), job.stop_token());
  return "blocked";
}

cw::async_generator<cw::json> count_up(cw::job<> job) {
  const int count = job.input.value("count", 3);
  for (int i = 1; i <= count; ++i) {
    co_await cw::sleep_for(std::chrono::milliseconds(job.input.value("ms", 10)));
    if (i == job.input.value("throw_at", 0)) throw std::runtime_error("no more");
    co_yield cw::json(i);
  }
}

struct order {
  std::string fruit;
  int count = 1;
};

int count_fruit(cw::job<order> job) { return job.input.count; }

struct model_request {
  std::string openai_route;
  cw::json openai_input = {};
};

constexpr auto rules(cw::type<model_request>) {
  return cw::rule_list(cw::member(&model_request::openai_input).optional());
}

std::string event(const cw::json& delta) {
  cw::json chunk = cw::json::object();
  chunk["id"] = "chatcmpl-1";
  chunk["object"] = "chat.completion.chunk";
  chunk["created"] = 1;
  chunk["model"] = "tiny";
  cw::json choice = cw::json::object();
  choice["index"] = 0;
  choice["delta"] = delta;
  choice["finish_reason"] = nullptr;
  chunk["choices"].push_back(choice);
  return "data: " + chunk.dump() + "\n\n";
}

// Responds as a model server does, in the form that the platform's workers use: texts of events, or one
// object.
cw::async_generator<cw::json> complete(cw::job<model_request> job) {
  const cw::json& input = job.input.openai_input;
  if (job.input.openai_route == "/v1/models") {
    cw::json model = cw::json::object();
    model["id"] = "tiny";
    model["object"] = "model";
    cw::json list = cw::json::object();
    list["object"] = "list";
    list["data"].push_back(model);
    co_yield list;
    co_return;
  }
  if (job.input.openai_route != "/v1/chat/completions" || input.value("model", "") == "none") {
    cw::json failed = cw::json::object();
    failed["error"]["message"] = "no such model";
    failed["error"]["type"] = "not_found_error";
    failed["error"]["code"] = 404;
    co_yield failed;
    co_return;
  }
  if (input.value("stream", false)) {
    for (const char* const word : {"Hello", ", ", "world"}) {
      cw::json delta = cw::json::object();
      delta["content"] = word;
      co_yield event(delta);
      co_await cw::sleep_for(std::chrono::milliseconds(20));
    }
    co_yield "data: [DONE]\n\n";
    co_return;
  }
  cw::json whole = cw::json::object();
  whole["id"] = "chatcmpl-1";
  whole["object"] = "chat.completion";
  whole["created"] = 1;
  whole["model"] = "tiny";
  cw::json choice = cw::json::object();
  choice["index"] = 0;
  choice["message"]["role"] = "assistant";
  choice["message"]["content"] = "Hello, world";
  choice["finish_reason"] = "stop";
  whole["choices"].push_back(choice);
  co_yield whole;
}

struct page_request {
  int page = 1;
  bool all = false;
  std::string name;
};

cw::json list_models(cw::job<page_request> job) {
  cw::json made = cw::json::object();
  made["page"] = job.input.page;
  made["all"] = job.input.all;
  made["name"] = job.input.name;
  made["agent"] = job.details.at("headers").value("user-agent", "");
  return made;
}

std::size_t weigh(cw::job<cw::raw_body> job) { return job.input.bytes.size(); }

// A model that takes one second to load.
struct slow_start {
  void prepare(const cw::preparation&) { cw::block_for(std::chrono::seconds(1), {}); }
  cw::task<cw::json> operator()(cw::job<>) { co_return "ready"; }
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view handler = argc > 1 ? argv[1] : "";
  const cw::fixed_concurrency four{4};
  const cw::options quick{.grace_period = std::chrono::seconds(5), .most_waiting = 8};
  if (handler == "--stream") return cw::start(argc, argv, count_up, four, quick);
  if (handler == "--typed") return cw::start(argc, argv, count_fruit, four, quick);
  if (handler == "--openai") return cw::start(argc, argv, complete, four, quick);
  if (handler == "--routes") {
    return cw::start(argc, argv,
                     cw::routes{cw::post("/v1/fruit", count_fruit), cw::get("/models/{name}", list_models),
                                cw::post("/stream", count_up), cw::put("/images/{name}", weigh),
                                cw::post("/any/{rest...}", run_as_input_says)},
                     four, quick);
  }
  if (handler == "--raw") return cw::start(argc, argv, weigh, four, quick);
  if (handler == "--slow_start") return cw::start(argc, argv, slow_start{}, four, quick);
  if (handler == "--own_queue") {  // the second argument is the metrics port
    cw::options beside = quick;
    beside.metrics_port = static_cast<std::uint16_t>(std::stoi(argc > 2 ? argv[2] : "0"));
    cw::memory_queue queue;
    const cw::memory_job job = queue.push(1);
    return cw::start(argc, argv, run_as_input_says, four, beside, queue);
  }
  if (handler == "--block") return cw::start(argc, argv, block, cw::fixed_concurrency{1}, quick);
  return cw::start(argc, argv, run_as_input_says, four, quick);
}
