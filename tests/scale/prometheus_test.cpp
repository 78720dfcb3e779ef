#include <doctest/doctest.h>
#include <coworker/scale/prometheus.hpp>
#include <string>

namespace {

using coworker::metrics;
using coworker::prometheus_text;

bool page_has(const std::string& page, const std::string& line) {
  return page.find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a Prometheus page names each metric with its help and type before its samples") {
  metrics measured;
  measured.limit = 8;
  measured.jobs_succeeded = 12345678901;
  measured.jobs_failed = 2;
  measured.job_seconds = 0.1;
  measured.job_seconds_squared = 0.01;
  measured.handler.p99_seconds = 1.5;
  measured.take_wait.minimum_seconds = 0.25;
  measured.most_in_progress = 7;
  const std::string page = prometheus_text(measured);
  CHECK(page.substr(0, page.find('\n')) ==
        "# HELP coworker_concurrency_limit Jobs that may be in progress at once.");
  CHECK(page_has(page, "# TYPE coworker_concurrency_limit gauge\ncoworker_concurrency_limit 8"));
  CHECK(page_has(page,
                 "# TYPE coworker_jobs_ended_total counter\n"
                 "coworker_jobs_ended_total{outcome=\"succeeded\"} 12345678901\n"
                 "coworker_jobs_ended_total{outcome=\"failed\"} 2"));
  CHECK(page_has(page, "coworker_job_seconds_total 0.1"));
  CHECK(page_has(page, "coworker_handler_seconds{of=\"p99\"} 1.5"));
  CHECK(page_has(page, "coworker_take_seconds{of=\"minimum\"} 0.25"));
  CHECK(page_has(page, "coworker_most_jobs_in_progress 7"));
  CHECK(page_has(page, "coworker_job_seconds_squared_total 0.01"));
  CHECK(page.back() == '\n');
}

TEST_CASE("a Prometheus page leaves out unknown values") {
  metrics measured;
  CHECK(prometheus_text(measured).find("memory") == std::string::npos);
  CHECK(prometheus_text(measured).find("gpu") == std::string::npos);
  CHECK(prometheus_text(measured).find("cpu") == std::string::npos);
  measured.memory_limit_bytes = 8ULL << 30;
  measured.gpu_memory_limit_bytes = 24ULL << 30;
  measured.peak_resident_bytes = 4096;
  measured.cpus = 1.5;
  CHECK(page_has(prometheus_text(measured), "coworker_memory_limit_bytes 8589934592"));
  CHECK(page_has(prometheus_text(measured), "coworker_gpu_memory_limit_bytes 25769803776"));
  CHECK(page_has(prometheus_text(measured), "coworker_cpus 1.5"));
  CHECK(page_has(prometheus_text(measured), "coworker_peak_resident_bytes 4096"));
}

TEST_CASE("a Prometheus page has the load of a GPU whose memory is unknown") {
  metrics measured;
  measured.gpu_probed = true;
  CHECK(page_has(prometheus_text(measured), "coworker_gpu_load 0"));
  CHECK(prometheus_text(measured).find("gpu_memory_limit") == std::string::npos);
}
