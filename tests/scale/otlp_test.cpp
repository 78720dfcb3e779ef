#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <coworker/scale/otlp.hpp>
#include <string>
#include <vector>

namespace {

using coworker::job_span;
using coworker::json;
using coworker::parse_trace_parent;

const std::string trace(32, 'a');
const std::string parent(16, 'b');

}  // namespace

TEST_CASE("a traceparent is parsed, and a malformed one begins a new trace") {
  const std::string header = "00-" + trace + "-" + parent + "-01";
  const auto read = parse_trace_parent(header);
  REQUIRE(read);
  CHECK(read->trace_id == trace);
  CHECK(read->parent_id == parent);
  CHECK(read->sampled);
  CHECK(!parse_trace_parent("00-" + trace + "-" + parent + "-00")->sampled);
  CHECK(parse_trace_parent("cc-" + trace + "-" + parent + "-0f-more")->sampled);
  for (const std::string& bad :
       {std::string(), "00-" + trace + "-" + parent, "00-" + trace + "-" + parent + "-01-more",
        "ff-" + trace + "-" + parent + "-01", "0g-" + trace + "-" + parent + "-01",
        "00-" + std::string(32, '0') + "-" + parent + "-01",
        "00-" + trace + "-" + std::string(16, '0') + "-01",
        "00-" + std::string(32, 'A') + "-" + parent + "-01", "00-" + trace + "-" + parent + "-0x",
        "00_" + trace + "-" + parent + "-01", "cc-" + trace + "-" + parent + "-01more"}) {
    CAPTURE(bad);
    CHECK(!parse_trace_parent(bad));
  }
}

TEST_CASE("metrics are cumulative sums and gauges, with 64-bit numbers as texts") {
  coworker::metrics seen;
  seen.limit = 3;
  seen.jobs_succeeded = 18'000'000'000'000'000'000U;
  seen.jobs_failed = 2;
  json resource = json::array();
  resource.push_back(coworker::detail::otlp_attribute("service.name", "w"));
  const json body = json::parse(coworker::otlp_metrics(seen, resource, 5, 7));
  const json& one = body.at("resourceMetrics").at(0);
  CHECK(one.at("resource").at("attributes").at(0).dump() ==
        R"({"key":"service.name","value":{"stringValue":"w"}})");
  const json& list = one.at("scopeMetrics").at(0).at("metrics");
  bool found = false;
  for (const json& metric : list) {
    CHECK(metric.contains("sum") != metric.contains("gauge"));
    if (metric.at("name") == "coworker.concurrency.limit")
      CHECK(metric.at("gauge").at("dataPoints").at(0).at("asDouble") == 3);
    if (metric.at("name") != "coworker.jobs.ended") continue;
    CHECK(!found);
    found = true;
    const json& sum = metric.at("sum");
    CHECK(sum.at("aggregationTemporality") == 2);
    CHECK(sum.at("isMonotonic") == true);
    REQUIRE(sum.at("dataPoints").size() == 3);
    const json& first = sum.at("dataPoints").at(0);
    CHECK(first.at("asInt") == "18000000000000000000");
    CHECK(first.at("startTimeUnixNano") == "5");
    CHECK(first.at("timeUnixNano") == "7");
    CHECK(first.at("attributes").at(0).at("value").at("stringValue") == "succeeded");
  }
  CHECK(found);
}

TEST_CASE("a span names its job, its parent, and what went wrong in valid UTF-8") {
  std::vector<job_span> spans(2);
  spans[0].trace_id = trace;
  spans[0].span_id = parent;
  spans[0].job_id = "a";
  spans[1] = spans[0];
  spans[1].parent_span_id = std::string(16, 'c');
  spans[1].failed = true;
  spans[1].error = "bad \xff byte";
  spans[1].end = 9;
  const json body = json::parse(coworker::otlp_spans(spans, json::array()));
  const json& list = body.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans");
  CHECK(list.at(0).at("status").dump() == R"({"code":1})");
  CHECK(!list.at(0).contains("parentSpanId"));
  CHECK(list.at(0).at("kind") == 5);
  CHECK(list.at(1).at("parentSpanId") == std::string(16, 'c'));
  CHECK(list.at(1).at("status").at("code") == 2);
  CHECK(list.at(1).at("status").at("message") == "bad \xef\xbf\xbd byte");
  CHECK(list.at(1).at("endTimeUnixNano") == "9");
  CHECK(list.at(1).at("attributes").at(1).at("value").at("stringValue") == "a");
}
