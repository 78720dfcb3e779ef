#pragma once
// The ids of an HTTP endpoint's jobs, an index by id, and counters. Must not know what happens to a job.

#include <coworker/exec/hash_table.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

struct endpoint_job_keys {
  using key = std::string_view;
  std::uint64_t hash(std::string_view id) const noexcept {
    return hash_unseeded(id);  // most ids are our own
  }
  std::string_view key_of(const job_handle& job) const noexcept { return job->id; }
  bool in_use(const job_handle& job) const noexcept { return static_cast<bool>(job); }
};

/// How many jobs have ended, by their status, and how many there are now.
struct endpoint_counts {
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t retried = 0;
  std::size_t in_queue = 0;
  std::size_t in_progress = 0;
};

// Returns the counter of a final status.
inline std::uint64_t& count_of(endpoint_counts& counts, endpoint_status status) noexcept {
  return status == endpoint_status::completed   ? counts.completed
         : status == endpoint_status::failed    ? counts.failed
         : status == endpoint_status::timed_out ? counts.timed_out
                                                : counts.cancelled;
}

/// A webhook to call, and the ended job of which it is notified.
struct endpoint_notice {
  std::string url;
  job_handle job;
};

using job_index = hash_table<job_handle, endpoint_job_keys>;

// Makes ids that look like the platform's: a UUID and a region; before it "sync-" for a job of /runsync.
class job_ids {
 public:
  explicit job_ids(std::uint64_t seed) noexcept : random_(seed) {}

  std::string next(bool sync) {
    char text[44] = {'s', 'y', 'n', 'c', '-'};
    std::size_t size = sync ? 5 : 0;
    std::uint64_t bits[2] = {random_.next(), random_.next()};
    bits[0] = (bits[0] & ~std::uint64_t{0xf000}) | 0x4000;  // a random UUID, RFC 9562
    bits[1] = (bits[1] & ~(std::uint64_t{3} << 62)) | std::uint64_t{1} << 63;
    for (unsigned byte = 0; byte < 16; ++byte) {
      if (byte == 4 || byte == 6 || byte == 8 || byte == 10) text[size++] = '-';
      const std::uint64_t value = bits[byte / 8] >> (56 - byte % 8 * 8);
      text[size++] = "0123456789abcdef"[value >> 4 & 15];
      text[size++] = "0123456789abcdef"[value & 15];
    }
    for (const char c : {'-', 'u', '1'}) text[size++] = c;
    return std::string(text, size);
  }

 private:
  random_source random_;
};

}  // namespace coworker::inline v0_1::detail
