#pragma once
// How a worker holds the records of its jobs. Knows no worker.

#include <coworker/job/record.hpp>
#include <string_view>

namespace coworker::detail {

// Records of jobs, in the order in which they came. Owns none.
class job_list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  job_record* front() const noexcept { return first_; }
  job_record* back() const noexcept { return last_; }

  void push_back(job_record& record) noexcept {
    record.previous = last_;
    record.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &record;
    last_ = &record;
  }

  void remove(job_record& record) noexcept {
    (record.previous != nullptr ? record.previous->next : first_) = record.next;
    (record.next != nullptr ? record.next->previous : last_) = record.previous;
  }

  job_record* find(std::string_view id) const noexcept {
    job_record* record = first_;
    while (record != nullptr && record->id != id) record = record->next;
    return record;
  }

 private:
  job_record* first_ = nullptr;
  job_record* last_ = nullptr;
};

}  // namespace coworker::detail
