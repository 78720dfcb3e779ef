#pragma once
// What became of a job, and the body that tells a queue so. How it gets there is the transport's business.

#include <coworker/json/json.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace coworker {

namespace detail {

// Appends the text of a value that is to become the member `key`: what cannot be written is named from there.
inline void dump_within(std::string_view key, const json& value, std::string& text) {
  try {
    value.dump_to(text);
  } catch (json_value_error& error) {
    error.inside_member(key);
    throw;
  }
}

}  // namespace detail

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
  /// An output that is an empty object is left out. A failed job may have an output too: what there was of it
  /// before.
  json body() const {
    json made = json::object();
    if (!succeeded()) made["error"] = error;
    if (says_output()) made["output"] = output;
    if (stop_pod) made["stopPod"] = true;
    return made;
  }

  /// body().dump(), but without a copy of the output being made. Errors: as dump.
  std::string body_text() const {
    std::string text;
    const auto add = [&text](std::string_view key, const json& value) {
      text.append(text.empty() ? "{\"" : ",\"").append(key).append("\":");
      detail::dump_within(key, value, text);
    };
    if (!succeeded()) add("error", json(error));
    if (says_output()) add("output", output);
    if (stop_pod) add("stopPod", json(true));
    return text.append(text.empty() ? "{}" : "}");
  }

 private:
  bool says_output() const noexcept {
    return !(output.is_object() && output.empty()) && !(output.is_null() && !succeeded());
  }
};

}  // namespace coworker
