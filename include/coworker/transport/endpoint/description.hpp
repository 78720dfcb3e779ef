#pragma once
// What an endpoint says of its queue API: a description by OpenAPI with the handler's input in it, and a page for people.
// Must not know any job.

#include <array>
#include <coworker/json/json.hpp>
#include <coworker/transport/endpoint/options.hpp>
#include <coworker/transport/endpoint/reply.hpp>
#include <coworker/version.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

struct api_operation {
  std::string_view method;
  std::string_view path;
  std::string_view summary;
  bool has_body = false;
};

inline constexpr std::array<api_operation, 9> described_routes{{
    {"post", "/run", "Adds a job and returns its id at once.", true},
    {"post", "/runsync", "Adds a job and waits for its end, for ?wait= milliseconds at most.", true},
    {"get", "/status/{id}", "Returns how far a job is, and its output once it has one."},
    {"get", "/status-sync/{id}", "The same, and waits for its end, for ?wait= milliseconds at most."},
    {"get", "/stream/{id}", "Returns the chunks of a job's output that were not returned yet."},
    {"post", "/cancel/{id}", "Ends a job; one in progress is asked to stop."},
    {"post", "/retry/{id}", "Runs a job again that is FAILED or TIMED_OUT."},
    {"post", "/purge-queue", "Cancels all jobs that wait."},
    {"get", "/health", "Returns how many jobs wait, are in progress, and have ended."},
}};

inline endpoint_reply description_reply(const endpoint_options& options) {
  json input = options.schema != nullptr ? options.schema() : json::object();
  json paths = json::object();
  for (const api_operation& one : described_routes) {
    json operation = json::object();
    operation["summary"] = std::string(one.summary);
    json parameters = json::array();
    const auto parameter = [&parameters](const char* name, const char* place, const char* type) {
      json made = json::object();
      made["name"] = name;
      made["in"] = place;
      made["required"] = std::string_view(place) == "path";
      made["schema"]["type"] = type;
      parameters.push_back(std::move(made));
    };
    if (one.path.ends_with("{id}")) parameter("id", "path", "string");
    if (one.summary.find("?wait=") != std::string_view::npos) parameter("wait", "query", "integer");
    if (!parameters.empty()) operation["parameters"] = std::move(parameters);
    if (one.has_body) {
      json& schema = operation["requestBody"]["content"]["application/json"]["schema"];
      schema["type"] = "object";
      schema["required"].push_back("input");
      schema["properties"]["input"] = input;
      schema["properties"]["webhook"]["type"] = "string";
      schema["properties"]["policy"]["type"] = "object";
      operation["requestBody"]["required"] = true;
    }
    operation["responses"]["200"]["description"] = "as the summary says";
    paths[one.path][one.method] = std::move(operation);
  }
  json made = json::object();
  made["openapi"] = "3.1.0";
  made["info"]["title"] = options.title;
  made["info"]["version"] = COWORKER_VERSION;
  made["paths"] = std::move(paths);
  endpoint_reply reply;
  reply.text = made.dump();
  return reply;
}

inline void append_html_text(std::string& page, std::string_view text) {
  for (const char c : text) {
    if (c == '<') {
      page += "&lt;";
    } else if (c == '&') {
      page += "&amp;";
    } else {
      page += c;
    }
  }
}

inline endpoint_reply docs_reply(const endpoint_options& options) {
  endpoint_reply made;
  made.type = "text/html; charset=utf-8";
  made.policy = "default-src 'none'; frame-ancestors 'none'";
  made.text = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>API</title><h1>";
  detail::append_html_text(made.text, options.title);
  made.text +=
      "</h1><p>All of this stands under /v2/{anything}/ too. <a "
      "href=\"/openapi.json\">openapi.json</a></p><dl>";
  for (const api_operation& one : described_routes) {
    made.text.append("<dt><code>")
        .append(one.method == "get" ? "GET " : "POST ")
        .append(one.path)
        .append("</code><dd>");
    detail::append_html_text(made.text, one.summary);
  }
  made.text += "</dl><h2>Input</h2><pre>";
  detail::append_html_text(made.text,
                           options.schema != nullptr ? options.schema().dump(2) : std::string("any JSON"));
  made.text += "</pre></html>";
  return made;
}

}  // namespace coworker::detail
