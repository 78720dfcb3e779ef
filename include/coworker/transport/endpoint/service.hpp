#pragma once
// Requests to an HTTP endpoint that are jobs themselves: those of a plain service, of the program's own
// routes, of OpenAI's API, of realtime and of predictions. Must not know which of them an endpoint offers.

#include <coworker/coro/clock.hpp>
#include <coworker/http/http_error.hpp>
#include <coworker/http/request_head.hpp>
#include <coworker/http/route.hpp>
#include <coworker/http/url.hpp>
#include <coworker/job/routes.hpp>
#include <coworker/json/json.hpp>
#include <coworker/transport/endpoint/description.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/endpoint/orders.hpp>
#include <coworker/transport/endpoint/reply.hpp>
#include <coworker/transport/endpoint/visit.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

inline void ask_openai(endpoint_visit& visit, const std::string& path, std::string body, time_point now) {
  endpoint_order order;
  order.kept = false;
  order.input = json::object();
  order.input["openai_route"] = path;
  bool streams = false;
  if (!body.empty()) {
    json given = detail::parse_body(body);
    const auto flag = given.is_object() ? given.find("stream") : given.end();
    streams = given.is_object() && flag != given.end() && *flag == json(true);
    order.input["openai_input"] = std::move(given);
  }
  order.details = detail::request_details(visit.request());
  visit.order(std::move(order), now);
  visit.wait(streams ? reply_form::openai_events : reply_form::openai, (time_point::max)(), true,
             visit.endpoint().options().streams);
}

inline void serve_realtime(endpoint_visit& visit, std::string body, time_point now) {
  json given = detail::parse_body(body);
  if (!given.is_object() || !given.contains("input"))
    throw http_error(400, "the body must be an object with the members \"id\" and \"input\"");
  endpoint_order order;
  order.kept = false;
  if (const auto id = given.find("id"); id != given.end() && id->is_string())
    order.id = id->get<std::string>();
  order.input = std::move(given["input"]);
  given.erase("input");
  given.erase("id");
  order.details = std::move(given);
  visit.order(std::move(order), now);
  visit.wait(reply_form::realtime, (time_point::max)(), true);
}

inline void serve_predictions(endpoint_visit& visit, std::string body, time_point now) {
  json given = detail::parse_body(body);
  const auto instances = given.is_object() ? given.find("instances") : given.end();
  if (!given.is_object() || instances == given.end() || !instances->is_array())
    throw http_error(400, "the body must be an object with the array \"instances\"");
  if (instances->empty()) {
    endpoint_reply made;
    made.text = "{\"predictions\":[]}";
    return visit.reply(std::move(made));
  }
  json details = detail::request_details(visit.request());
  if (const auto parameters = given.find("parameters"); parameters != given.end())
    details["parameters"] = *parameters;
  for (json& instance : *instances) {
    endpoint_order order;
    order.kept = false;
    order.input = std::move(instance);
    order.details = details;
    visit.order(std::move(order), now);
  }
  visit.wait(reply_form::predictions, (time_point::max)(), true);
}

// Returns a parameter of a path or query as the type that the schema gives it: a number or a boolean,
// otherwise a text.
inline json parameter_value(std::string text, const json& schema, const std::string& name) {
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->contains(name)) return json(std::move(text));
  const json* part = &properties->at(name);
  if (part->contains("anyOf")) part = &part->at("anyOf").at(0);
  const std::string type = part->value("type", "");
  if (type != "integer" && type != "number" && type != "boolean") return json(std::move(text));
  try {
    return json::parse(text);
  } catch (const json_exception&) {
    return json(std::move(text));  // the handler then reports that it does not fit
  }
}

// Adds what the handler of a route receives beside the body: the route, its parameters, the query and the
// headers without Authorization. Throws: http_error 400 if the query is malformed.
inline void add_parameters(const request_head& request, const route& at, const route_parameters& parameters,
                           json& details) {
  details["route"] = detail::route_name(at);
  std::string_view rest = at.pattern.text();
  while (!rest.empty()) {
    const std::string_view segment = coworker::take_segment(rest);
    if (detail::kind_of(segment) == segment_kind::literal) continue;
    const std::string name(detail::parameter_name(segment));
    details["parameters"][name] = parameters.value(name).value_or(std::string());
  }
  query_parameters all(request.query());
  while (const std::optional<query_parameter> one = all.next()) {
    const std::optional<std::string> name = coworker::url_decode(one->name, plus_sign::is_space);
    std::optional<std::string> value = coworker::url_decode(one->value, plus_sign::is_space);
    if (!name || !value || coworker::find_invalid_utf8(*name) != std::string_view::npos ||
        coworker::find_invalid_utf8(*value) != std::string_view::npos)
      throw http_error(400, "the query is malformed");
    details["query_parameters"][*name] = *std::move(value);
  }
  for (std::size_t i = 0; i < request.header_count(); ++i) {
    const header_field field = request.header(i);
    std::string name;
    for (const char c : field.name) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (name != "authorization" && coworker::find_invalid_utf8(field.value) == std::string_view::npos)
      details["headers"][name] = std::string(field.value);
  }
}

inline void serve_job(endpoint_visit& visit, endpoint_order order, bool streams, time_point now) {
  const request_head& request = visit.request();
  order.kept = false;
  visit.order(std::move(order), now);
  const bool events = streams && request.header_contains("accept", "text/event-stream");
  const bool lines = streams && request.header_contains("accept", "application/x-ndjson");
  visit.wait(events  ? reply_form::events
             : lines ? reply_form::lines
                     : reply_form::output,
             (time_point::max)(), true, streams);
}

inline void serve_plain(endpoint_visit& visit, std::string body, time_point now) {
  endpoint_order order;
  order.input = visit.endpoint().options().raw ? detail::raw_input(std::move(body))
                                               : detail::read_plain_input(visit.request(), std::move(body));
  order.details = detail::request_details(visit.request());
  detail::serve_job(visit, std::move(order), visit.endpoint().options().streams, now);
}

inline endpoint_reply methods_reply(bool asked, std::string allowed, std::string_view otherwise) {
  endpoint_reply made = asked ? endpoint_reply() : error_reply(405, otherwise);
  if (asked) made.status = 204;
  made.allow = std::move(allowed);
  return made;
}

// Serves a route of the program's own.
inline void serve_route(endpoint_visit& visit, std::string body, time_point now) {
  const request_head& request = visit.request();
  const std::vector<route>& routes = visit.endpoint().routes();
  const std::span<const route> all(routes.data(), routes.size());
  const route_match match = coworker::find_route(all, request.method(), request.path());
  if (match.status == 204 || match.status == 405)
    return visit.reply(detail::methods_reply(match.status == 204,
                                             coworker::allowed_methods(all, request.path()),
                                             "this path does not have that method"));
  const bool gets = request.method() == "GET" || request.method() == "HEAD";
  if (match.status == 404 && gets && request.path() == "/openapi.json")
    return visit.reply(detail::description_reply(visit.endpoint().options()));
  if (match.status == 404 && gets && request.path() == "/docs")
    return visit.reply(detail::docs_reply(visit.endpoint().options()));
  if (match.status != 200)
    throw http_error(match.status,
                     match.status == 400 ? "the path is malformed" : "there is nothing at this path");
  const route_description& found = visit.endpoint().options().routes[match.index];
  endpoint_order order;
  json& details = order.details = detail::request_details(request);
  detail::add_parameters(request, found.at, match.parameters, details);
  if (found.raw) {
    order.input = detail::raw_input(std::move(body));
  } else if (request.has_body()) {
    order.input = detail::read_plain_input(request, std::move(body));
  } else {
    const json schema = found.schema != nullptr ? found.schema() : json::object();
    order.input = json::object();
    for (const char* const place : {"query_parameters", "parameters"}) {
      if (!details.contains(place)) continue;
      for (const auto& [name, value] : details.at(place).items())
        order.input[name] = detail::parameter_value(value.get<std::string>(), schema, std::string(name));
    }
  }
  detail::serve_job(visit, std::move(order), found.streams, now);
}

}  // namespace coworker::inline v0_1::detail
