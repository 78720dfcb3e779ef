#pragma once
// Encodes metrics as text for Prometheus (exposition format 0.0.4). Must not know who serves it.

#include <charconv>
#include <coworker/json/decimal.hpp>
#include <coworker/scale/latency_histogram.hpp>
#include <coworker/scale/metrics.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

namespace detail {

class prometheus_writer {
 public:
  void gauge(std::string_view name, std::string_view help, double value) { one(name, help, "gauge", value); }
  void counter(std::string_view name, std::string_view help, double value) {
    one(name, help, "counter", value);
  }
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    counter(name, help, static_cast<double>(value));
  }

  void begin(std::string_view name, std::string_view help, std::string_view type) {
    text.append("# HELP coworker_").append(name).append(" ").append(help).append("\n");
    text.append("# TYPE coworker_").append(name).append(" ").append(type).append("\n");
  }

  void sample(std::string_view name, std::string_view labels, double value) {
    text.append("coworker_").append(name).append(labels).append(" ");
    text.append(decimal_text(value, std::chars_format::general, 15)).append("\n");
  }

  // These are gauges because they cover the recent past: the sum of a summary must never decrease.
  void latencies(std::string_view name, std::string_view help, const latency_summary& of) {
    begin(name, help, "gauge");
    sample(name, "{of=\"minimum\"}", of.minimum_seconds);
    sample(name, "{of=\"mean\"}", of.mean_seconds);
    sample(name, "{of=\"p50\"}", of.p50_seconds);
    sample(name, "{of=\"p90\"}", of.p90_seconds);
    sample(name, "{of=\"p99\"}", of.p99_seconds);
  }

  std::string text;

 private:
  void one(std::string_view name, std::string_view help, std::string_view type, double value) {
    begin(name, help, type);
    sample(name, "", value);
  }
};

}  // namespace detail

/// Returns a page for Prometheus to scrape; serve it as `text/plain; version=0.0.4`. Leaves out what is
/// unknown (a memory limit, a GPU).
inline std::string prometheus_text(const metrics& of) {
  detail::prometheus_writer page;
  page.gauge("concurrency_limit", "Jobs that may be in progress at once.", of.limit);
  page.gauge("jobs_in_progress", "Jobs taken whose outcome the queue does not have yet.", of.in_progress);
  page.gauge("most_jobs_in_progress", "Highest number of jobs in progress since the worker's start.",
             of.most_in_progress);
  page.counter("jobs_taken_total", "Jobs taken.", of.jobs_taken);
  page.begin("jobs_ended_total", "Jobs ended, by outcome.", "counter");
  page.sample("jobs_ended_total", "{outcome=\"succeeded\"}", static_cast<double>(of.jobs_succeeded));
  page.sample("jobs_ended_total", "{outcome=\"failed\"}", static_cast<double>(of.jobs_failed));
  page.sample("jobs_ended_total", "{outcome=\"stopped\"}", static_cast<double>(of.jobs_stopped));
  page.counter("job_seconds_total", "Time of all ended jobs, from being taken to delivery.", of.job_seconds);
  page.counter("job_seconds_squared_total", "Sum of the squares of the times of ended jobs.",
               of.job_seconds_squared);
  page.counter("in_progress_seconds_total", "Jobs in progress, summed over time.", of.in_progress_seconds);
  page.latencies("handler_seconds", "Recent times of handlers.", of.handler);
  page.latencies("delivery_seconds", "Recent times to deliver an outcome.", of.delivery);
  page.gauge("jobs_waiting", "Jobs known to wait for a slot.", of.jobs_waiting);
  page.gauge("slots_waiting", "Slots that were recently empty because no job came.", of.slots_waiting);
  page.gauge("demand", "0: slots wait for jobs, 1: neither, 2: jobs wait for slots.",
             static_cast<int>(of.demand));
  page.counter("takes_total", "Requests for jobs that have returned.", of.takes);
  page.counter("takes_full_total", "Requests for jobs that brought all jobs asked for.", of.takes_full);
  page.counter("take_wait_seconds_total", "Time spent waiting for jobs.", of.take_wait_seconds);
  page.latencies("take_seconds", "Recent times of requests for jobs.", of.take_wait);
  if (of.batches.batches > 0) {
    page.counter("batches_total", "Batches of jobs started.", of.batches.batches);
    page.counter("batch_jobs_total", "Jobs in started batches.", of.batches.jobs);
    page.counter("batch_wait_seconds_total", "Time that jobs waited for their batches to start.",
                 of.batches.wait_seconds);
    page.counter("batch_run_seconds_total", "Time that batches have run.", of.batches.run_seconds);
  }
  page.gauge("loop_lag_seconds", "By how much the event loop's last timer was late.", of.loop_lag_seconds);
  if (of.cpus > 0) {
    page.counter("process_cpu_seconds_total", "Processor time used by the process.", of.cpu_seconds);
    page.gauge("cpus", "Processors that the process may use.", of.cpus);
    page.gauge("cpu_load", "Share of these processors in use, 0 to 1.", of.cpu_load);
  }
  if (of.memory_limit_bytes > 0) {
    page.gauge("resident_bytes", "Memory of the process.", static_cast<double>(of.resident_bytes));
    page.gauge("peak_resident_bytes", "Highest memory of the process since it began.",
               static_cast<double>(of.peak_resident_bytes));
    page.gauge("memory_used_bytes", "Memory that counts against the limit.",
               static_cast<double>(of.memory_used_bytes));
    page.gauge("memory_limit_bytes", "Memory that may be used.", static_cast<double>(of.memory_limit_bytes));
  }
  if (of.gpu_probed) {
    page.gauge("gpu_load", "Load of the GPU, 0 to 1.", of.gpu_load);
    page.gauge("gpu_memory_used_bytes", "GPU memory in use.", static_cast<double>(of.gpu_memory_used_bytes));
  }
  if (of.gpu_memory_limit_bytes > 0) {
    page.gauge("gpu_memory_limit_bytes", "Total memory of the GPU.",
               static_cast<double>(of.gpu_memory_limit_bytes));
  }
  return page.text;
}

}  // namespace coworker::inline v0_1
