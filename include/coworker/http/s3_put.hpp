#pragma once
// s3::put: stores an object in an S3 bucket of any provider; libcurl signs the request. Needs libcurl. Must
// not know jobs.

#include <coworker/coro/task.hpp>
#include <coworker/http/call.hpp>
#include <coworker/http/call_body.hpp>
#include <coworker/http/call_options.hpp>
#include <coworker/http/s3.hpp>
#include <coworker/http/sha256.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

/// Returns the text of the first XML element of that name in a response of S3; empty: there is none.
inline std::string_view xml_text(std::string_view xml, std::string_view name) noexcept {
  std::size_t at = 0;
  while ((at = xml.find(name, at)) != std::string_view::npos) {
    const std::size_t begin = at + name.size() + 1;
    if (at > 0 && xml[at - 1] == '<' && begin <= xml.size() && xml[begin - 1] == '>')
      return xml.substr(begin, xml.find('<', begin) - begin);
    ++at;
  }
  return {};
}

inline task<std::string> put_object(http::request what, call_terms terms) {
  const std::string url = what.url;
  task<http::response> calling = detail::call(std::move(what), std::move(terms), false);
  const http::response got = co_await std::move(calling);
  if (got.ok()) co_return url;
  std::string problem = "the status is " + std::to_string(got.status);
  const std::string_view code = detail::xml_text(got.body, "Code");
  if (!code.empty())
    problem.append(": ").append(code).append(", ").append(detail::xml_text(got.body, "Message"));
  detail::throw_call_error(http_failure::none, "PUT", url, problem,
                           "check the account's keys, endpoint and region, and the bucket's name",
                           got.status);
}

}  // namespace detail

namespace s3 {

/// Stores an object in a bucket and returns its unsigned URL; presigned_url() makes one that anyone
/// may fetch. `bucket` is empty if the endpoint's host contains the bucket's name. `what`: a text,
/// http::body::file(path), or http::body::from(function) with its size. `options.headers` may
/// contain a Content-Type.
///
/// Throws: http::call_error when the object is not stored; std::invalid_argument when the endpoint is not a
/// URL or the key is empty; io_error when the file cannot be read.
/// Cancellation: throws `cancelled` as soon as a stop is requested. The object is then not stored.
///
///     const s3::account mine = s3::account_from_environment();
///     co_await s3::put(mine, "results", "a/b.png", http::body::file("b.png"));
inline task<std::string> put(const account& of, std::string_view bucket, std::string_view key,
                             http::body what, http::call_options options = http::call_options()) {
  http::request request(signing::object_url(of, bucket, key));
  request.method = "PUT";
  request.body = std::move(what);
  request.options = std::move(options);
  request.options.redirects = 0;  // the signature is valid for this server only
  // libcurl includes all headers in the signature, these too.
  const bool empty = request.body.source() == nullptr;
  const std::string* const text = empty ? nullptr : request.body.source()->text();
  request.options.headers.push_back(
      "x-amz-content-sha256: " + (text != nullptr || empty
                                      ? detail::hex_text(detail::sha256(empty ? std::string_view() : *text))
                                      : std::string("UNSIGNED-PAYLOAD")));
  if (!of.session_token.empty())
    request.options.headers.push_back("x-amz-security-token: " + of.session_token);
  detail::call_terms terms;
  terms.signs_as = "aws:amz:" + signing::region_of(of) + ":s3";
  terms.user = of.access_key_id;
  terms.password = of.secret_access_key;
  return detail::put_object(std::move(request), std::move(terms));
}

}  // namespace s3
}  // namespace coworker::inline v0_1
