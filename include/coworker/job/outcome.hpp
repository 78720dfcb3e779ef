#pragma once
// What became of a job, and the body that tells a queue so. How it gets there is the transport's business.

#include <coworker/json/json.hpp>
#include <string>
#include <utility>

namespace coworker {

/// The end of a job: an output, or the text of an error. A stopped job has an error too, which says so.
struct outcome {
  enum class status : unsigned char { succeeded, failed, stopped };

  json output;
  std::string error;
  status ended = status::succeeded;
  bool stop_pod = false;  ///< asks the platform to recycle this worker after the job

  static outcome success(json value) {
    outcome made;
    made.output = std::move(value);
    return made;
  }

  static outcome failure(std::string text) {
    outcome made;
    made.ended = status::failed;
    made.error = std::move(text);
    return made;
  }

  static outcome stop(std::string text) {
    outcome made = failure(std::move(text));
    made.ended = status::stopped;
    return made;
  }

  bool succeeded() const noexcept { return ended == status::succeeded; }

  /// As the queue takes it: `{"output": X}` or `{"error": S}`, and `"stopPod": true` where it is asked for.
  /// An output that is an empty object is left out.
  json body() const {
    json made = json::object();
    if (!succeeded()) {
      made["error"] = error;
    } else if (!output.is_object() || !output.empty()) {
      made["output"] = output;
    }
    if (stop_pod) made["stopPod"] = true;
    return made;
  }
};

}  // namespace coworker
