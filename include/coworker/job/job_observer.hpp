#pragma once
// Lets a test see at once, on the job's own thread, what a job reports. Must not know which test.

#include <coworker/json/json.hpp>

namespace coworker::inline v0_1::detail {

class job_observer {
 public:
  virtual void reported(const json& progress) = 0;

 protected:
  job_observer() = default;
  ~job_observer() = default;
  job_observer(const job_observer&) = delete;
  job_observer& operator=(const job_observer&) = delete;
};

}  // namespace coworker::inline v0_1::detail
