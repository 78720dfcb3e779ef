// Worker programs against the queue whose handler has a value that is loaded first.

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>
#include <coworker/job/middleware/prepared.hpp>
#include <coworker/start.hpp>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <support/process.hpp>
#include <support/queue_server.hpp>
#include <support/temporary_folder.hpp>
#include <support/worker_program.hpp>
#include <vector>

namespace coworker::testing {
namespace {

// Loads until the file WORKER_LOADED exists, without awaiting, and fails if the file says so.
std::string load(const preparation& how) {
  const char* const path = std::getenv("WORKER_LOADED");
  how.log().info("loading");
  std::string found;
  while (found.empty()) std::ifstream(path) >> found;
  if (found == "broken") throw std::runtime_error("the model is broken");
  return found;
}

task<std::string> handle(const std::string& model, job<> work) { co_return model + " " + work.id; }

struct loading_worker : process {
  loading_worker(const queue_server& server, const std::string& loaded)
      : process({"/proc/self/exe", "--no-skip", "--no-version", "--test-case=loading program"},
                worker_environment(server, {{"WORKER_LOADED", loaded}})) {}
};

const auto beaten_thrice = [](const queue_log& log) { return log.requests(endpoint::ping) >= 3; };

}  // namespace

TEST_CASE("loading program" * doctest::skip()) {
  char name[] = "worker";
  char* arguments[] = {name, nullptr};
  std::exit(start(1, arguments, prepared(load, handle)));
}

TEST_CASE("heartbeats are sent while the program loads, and no job is taken before it has") {
  const temporary_folder folder;
  const std::string loaded = folder.name() + "/loaded";
  queue_server server;
  server.add_job("a", 1);
  loading_worker worker(server, loaded);
  REQUIRE(server.wait_for(beaten_thrice));
  CHECK(server.log().takes() == 0);
  folder.write("loaded", "model" + std::string("\n"));
  REQUIRE(server.wait_for([](const queue_log& log) { return log.results == 1; }));
  CHECK(server.log().result("a") == json{{"output", "model a"}});
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
}

TEST_CASE("a load that fails leaves the jobs in the queue, and the program ends with status 5") {
  const temporary_folder folder;
  const std::string loaded = folder.name() + "/loaded";
  queue_server server;
  server.add_job("a", 1);
  loading_worker worker(server, loaded);
  REQUIRE(worker.says("loading"));
  folder.write("loaded", "broken" + std::string("\n"));
  CHECK(worker.wait() == 5);
  CHECK(worker.says(
      "The handler could not be prepared, so no job was taken: std::runtime_error: the model is broken"));
  CHECK(server.log().takes() == 0);
  CHECK(server.jobs_left() == 1);
}

TEST_CASE("a signal during the load ends the program at once, with status 0, as nothing is lost") {
  const temporary_folder folder;
  queue_server server;
  server.add_job("a", 1);
  loading_worker worker(server, folder.name() + "/never written");
  REQUIRE(worker.says("loading"));
  REQUIRE(server.wait_for(beaten_thrice));
  worker.send_signal(SIGTERM);
  CHECK(worker.wait() == 0);
  CHECK(worker.says("Asked to leave before the handler was ready"));
  CHECK(server.log().takes() == 0);
  CHECK(server.jobs_left() == 1);
}

}  // namespace coworker::testing
