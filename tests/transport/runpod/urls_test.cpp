#include <doctest/doctest.h>
#include <coworker/transport/runpod/urls.hpp>
#include <string>

namespace coworker::testing {
namespace {

const queue_urls::templates production_templates{
    "https://h/v2/ep/job-take/$ID?gpu=NVIDIA+RTX+A5000", "https://h/v2/ep/job-done/$RUNPOD_POD_ID/$ID?gpu=A",
    "https://h/v2/ep/job-stream/$RUNPOD_POD_ID/$ID?gpu=A", "https://h/v2/ep/ping/$RUNPOD_POD_ID"};

queue_urls of_take(std::string take, std::string_view worker = "w1") {
  return queue_urls({std::move(take), "http://h/job-done/$RUNPOD_POD_ID/$ID", "", ""}, worker);
}

}  // namespace

TEST_CASE("the templates in their production form give the URLs of the protocol") {
  const queue_urls urls(production_templates, "w1");
  CHECK(urls.take(1, false) == "https://h/v2/ep/job-take/w1?gpu=NVIDIA+RTX+A5000&job_in_progress=0");
  CHECK(urls.take(1, true) == "https://h/v2/ep/job-take/w1?gpu=NVIDIA+RTX+A5000&job_in_progress=1");
  CHECK(urls.take(7, true) ==
        "https://h/v2/ep/job-take-batch/w1?gpu=NVIDIA+RTX+A5000&batch_size=7&job_in_progress=1");
  CHECK(urls.done("j1", false) == "https://h/v2/ep/job-done/w1/j1?gpu=A&isStream=false");
  CHECK(urls.done("j1", true) == "https://h/v2/ep/job-done/w1/j1?gpu=A&isStream=true");
  CHECK(urls.stream("j1") == "https://h/v2/ep/job-stream/w1/j1?gpu=A&isStream=false");
  CHECK(urls.ping("job_id=a") == "https://h/v2/ep/ping/w1?job_id=a");
  CHECK(urls.stop() == "https://h/v2/ep/job-stop/w1?gpu=NVIDIA+RTX+A5000");
  CHECK(urls.has_stream());
  CHECK(urls.has_ping());
  CHECK(urls.has_stop());
}

TEST_CASE("a template may end in ?, or have no query at all") {
  CHECK(of_take("http://h/job-take/$ID?").take(1, false) == "http://h/job-take/w1?job_in_progress=0");
  CHECK(of_take("http://h/job-take/$ID").take(1, false) == "http://h/job-take/w1?job_in_progress=0");
  CHECK(of_take("http://h/job-take/$ID").take(2, false) ==
        "http://h/job-take-batch/w1?batch_size=2&job_in_progress=0");
  CHECK(of_take("http://h/job-take/$ID").done("j", false) == "http://h/job-done/w1/j?isStream=false");
}

TEST_CASE("in a take or a ping both placeholders mean the worker, in the others $ID means the job") {
  const queue_urls urls(
      {"http://h/job-take/$ID/$RUNPOD_POD_ID", "http://h/job-done/$RUNPOD_POD_ID/$ID",
       "http://h/job-stream/$RUNPOD_POD_ID/$ID?again=$ID", "http://h/ping/$ID/$RUNPOD_POD_ID"},
      "w1");
  CHECK(urls.take(1, false) == "http://h/job-take/w1/w1?job_in_progress=0");
  CHECK(urls.ping("x=1") == "http://h/ping/w1/w1?x=1");
  CHECK(urls.done("j", false) == "http://h/job-done/w1/j?isStream=false");
  CHECK(urls.stream("j") == "http://h/job-stream/w1/j?again=j&isStream=false");
}

TEST_CASE("a worker whose id is . or .. has a path of its own") {
  const queue_urls urls(production_templates, "..");
  CHECK(urls.take(1, false).starts_with("https://h/v2/ep/job-take/%2E%2E?gpu="));
  CHECK(urls.stop().starts_with("https://h/v2/ep/job-stop/%2E%2E?gpu="));
  CHECK(urls.done("j1", false).starts_with("https://h/v2/ep/job-done/%2E%2E/j1?gpu="));
  CHECK(urls.ping("x=1") == "https://h/v2/ep/ping/%2E%2E?x=1");
  CHECK(of_take("http://h/job-take/$ID", ".").stop() == "http://h/job-stop/%2E");
}

TEST_CASE("ids are encoded, so that none can change the URL or act as a placeholder") {
  const queue_urls urls(production_templates, "w/1 $ID?");
  CHECK(urls.take(1, false).starts_with("https://h/v2/ep/job-take/w%2F1%20%24ID%3F?gpu="));
  CHECK(
      urls.done("a/b?c=$RUNPOD_POD_ID&$ID", false) ==
      "https://h/v2/ep/job-done/w%2F1%20%24ID%3F/a%2Fb%3Fc%3D%24RUNPOD_POD_ID%26%24ID?gpu=A&isStream=false");
}

TEST_CASE("an id that would change the path is encoded") {
  const queue_urls urls({"http://h/take/$ID", "http://h/done/$RUNPOD_POD_ID/$ID", "", ""}, "w");
  CHECK(urls.done(".", false) == "http://h/done/w/%2E?isStream=false");
  CHECK(urls.done("..", false) == "http://h/done/w/%2E%2E?isStream=false");
  CHECK(urls.done("...", false) == "http://h/done/w/...?isStream=false");
  CHECK(urls.done("../x", false) == "http://h/done/w/..%2Fx?isStream=false");
}

TEST_CASE("only the path decides what a URL is for, never the query") {
  const queue_urls urls = of_take("http://h/take?next=/job-take/$ID");
  CHECK(urls.take(3, false) == "http://h/take?next=/job-take/w1&batch_size=3&job_in_progress=0");
  CHECK(!urls.has_stop());
}

TEST_CASE("a server has no URL for which it has no template") {
  const queue_urls urls = of_take("http://h/job-take/$ID");
  CHECK(!urls.has_stream());
  CHECK(!urls.has_ping());
}

}  // namespace coworker::testing
