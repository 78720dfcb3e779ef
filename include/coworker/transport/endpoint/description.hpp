#pragma once
// How an HTTP endpoint describes its API: an OpenAPI document with the schemas of the handlers' inputs, and a
// page for people. Must not know any job.

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

inline void add_parameter(json& operation, std::string name, const char* place, json schema, bool required) {
  json made = json::object();
  made["name"] = std::move(name);
  made["in"] = place;
  made["required"] = required;
  made["schema"] = std::move(schema);
  operation["parameters"].push_back(std::move(made));
}

inline json type_schema(const char* type) {
  json made = json::object();
  made["type"] = type;
  return made;
}

// The schema of a request body that adds a job: {"input": ...}, and with several handlers the route of the
// one it is for.
inline json order_schema(json input, const std::string& route_name) {
  json schema = detail::type_schema("object");
  schema["required"].push_back("input");
  schema["properties"]["input"] = std::move(input);
  if (!route_name.empty()) {
    schema["required"].push_back("route");
    schema["properties"]["route"]["const"] = route_name;
  }
  schema["properties"]["webhook"] = detail::type_schema("string");
  schema["properties"]["policy"] = detail::type_schema("object");
  return schema;
}

inline json input_schema(json (*schema)()) { return schema != nullptr ? schema() : json::object(); }

inline json order_schemas(const endpoint_options& options) {
  if (options.routes.empty()) return detail::order_schema(detail::input_schema(options.schema), "");
  json any = json::object();
  for (const route_description& one : options.routes)
    any["oneOf"].push_back(
        detail::order_schema(detail::input_schema(one.schema), detail::route_name(one.at)));
  return any;
}

inline json describe_api(const endpoint_options& options) {
  json paths = json::object();
  for (const api_operation& one : described_routes) {
    json operation = json::object();
    operation["summary"] = std::string(one.summary);
    if (one.path.ends_with("{id}"))
      detail::add_parameter(operation, "id", "path", detail::type_schema("string"), true);
    if (one.summary.find("?wait=") != std::string_view::npos)
      detail::add_parameter(operation, "wait", "query", detail::type_schema("integer"), false);
    if (one.has_body) {
      operation["requestBody"]["content"]["application/json"]["schema"] = detail::order_schemas(options);
      operation["requestBody"]["required"] = true;
    }
    operation["responses"]["200"]["description"] = "as the summary says";
    paths[one.path][one.method] = std::move(operation);
  }
  return paths;
}

// For a route without a body: each member of the input that is not in the path is a parameter of the query.
inline void describe_query(json& operation, const json& schema, const std::string& path) {
  const auto properties = schema.find("properties");
  if (properties == schema.end()) return;
  for (const auto& [name, part] : properties->items()) {
    if (path.find("{" + std::string(name) + "}") != std::string::npos) continue;
    bool required = false;
    if (const auto names = schema.find("required"); names != schema.end()) {
      for (const json& needed : *names) required = required || needed == json(std::string(name));
    }
    detail::add_parameter(operation, std::string(name), "query", part, required);
  }
}

// Describes a route of the program's own.
inline void describe_route(json& paths, const route_description& one) {
  std::string path;
  json operation = json::object();
  const json schema = detail::input_schema(one.schema);
  for (std::string_view rest = one.at.pattern.text(); !rest.empty();) {
    const std::string_view segment = coworker::take_segment(rest);
    if (detail::kind_of(segment) == segment_kind::literal) {
      path.append("/").append(segment);
      continue;
    }
    std::string name(detail::parameter_name(segment));
    path.append("/{").append(name).append("}");
    const bool known = schema.contains("properties") && schema.at("properties").contains(name);
    detail::add_parameter(operation, name, "path",
                          known ? schema.at("properties").at(name) : detail::type_schema("string"), true);
  }
  std::string method;
  for (const char c : one.at.method) method += static_cast<char>(c - 'A' + 'a');
  if (one.raw) {
    operation["requestBody"]["content"]["*/*"] = json::object();
  } else if (method == "get" || method == "delete") {
    detail::describe_query(operation, schema, path);
  } else {
    operation["requestBody"]["content"]["application/json"]["schema"] = schema;
  }
  json& well = operation["responses"]["200"];
  well["description"] = "the handler's output";
  well["content"]["application/json"] = json::object();
  if (one.streams) well["content"]["text/event-stream"] = json::object();
  operation["responses"]["422"]["description"] = "the input does not fit; says where";
  paths[path][method] = std::move(operation);
}

inline endpoint_reply description_reply(const endpoint_options& options) {
  json paths = json::object();
  if (options.kind == endpoint_kind::queue_api) {
    paths = detail::describe_api(options);
  } else {
    for (const route_description& one : options.routes) detail::describe_route(paths, one);
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

inline void append_html_input(std::string& page, const std::string& heading, json (*schema)()) {
  page += "<h2>";
  detail::append_html_text(page, heading);
  page += "</h2><pre>";
  detail::append_html_text(page, schema != nullptr ? schema().dump(2) : std::string("any JSON"));
  page += "</pre>";
}

inline endpoint_reply docs_reply(const endpoint_options& options) {
  endpoint_reply made;
  made.type = "text/html; charset=utf-8";
  made.policy = "default-src 'none'; frame-ancestors 'none'";
  made.text = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>API</title><h1>";
  detail::append_html_text(made.text, options.title);
  made.text += "</h1><p><a href=\"/openapi.json\">openapi.json</a></p>";
  if (options.kind == endpoint_kind::queue_api) {
    made.text += "<p>All of this stands under /v2/{anything}/ too.</p><dl>";
    for (const api_operation& one : described_routes) {
      made.text.append("<dt><code>")
          .append(one.method == "get" ? "GET " : "POST ")
          .append(one.path)
          .append("</code><dd>");
      detail::append_html_text(made.text, one.summary);
    }
    made.text += "</dl>";
    if (!options.routes.empty()) {
      made.text +=
          "<p>A job names the handler that it is for, and has that handler&#39;s input: "
          "{&quot;route&quot;: ..., &quot;input&quot;: ...}.</p>";
    }
  }
  if (options.routes.empty()) detail::append_html_input(made.text, "Input", options.schema);
  for (const route_description& one : options.routes) {
    if (one.raw) {
      made.text += "<h2>";
      detail::append_html_text(made.text, detail::route_name(one.at));
      made.text += "</h2><p>The body as it is, of any type.</p>";
    } else {
      detail::append_html_input(made.text, detail::route_name(one.at), one.schema);
    }
  }
  made.text += "</html>";
  return made;
}

}  // namespace coworker::inline v0_1::detail
