// A handler that calls other servers without blocking other jobs: it downloads the image that its job names,
// asks another endpoint to describe it, and puts it into a bucket. A stop ends whatever it waits for.
//
// build: -DCOWORKER_WITH_CURL -lcurl
// run: ./call_out_curl --print_schema

#include <chrono>
#include <coworker.hpp>
#include <cstdlib>
#include <string>

namespace cw = coworker;
namespace http = coworker::http;

struct request {
  std::string image_url;
};

struct described {
  std::string text;
  std::string stored_at;
};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Calls a Runpod endpoint like a function: a struct is the input, a value the output.
cw::task<std::string> describe(std::string image_url) {
  const cw::endpoint_client eyes(variable("DESCRIBE_ENDPOINT"), variable("RUNPOD_API_KEY"));
  const cw::remote_job seen = co_await eyes.run_sync(request{std::move(image_url)});
  co_return seen.output_as<std::string>();
}

cw::task<described> handle(cw::job<request> job) {
  // Connects to public addresses only. The file is deleted when the handler returns.
  http::download_options limits;
  limits.call.size_limit = 50'000'000;
  const http::downloaded_file image = co_await http::download(job.input.image_url, "/tmp/inputs", limits);

  described answer;
  answer.text = co_await describe(job.input.image_url);

  // Uploads from the file, one piece at a time.
  const cw::s3::account bucket = cw::s3::account_from_environment();
  answer.stored_at = co_await cw::s3::put(bucket, "results", job.id, http::body::file(image.path()));
  co_return answer;
}

int main(int argc, char** argv) { return cw::start(argc, argv, handle, cw::fixed_concurrency{16}); }
