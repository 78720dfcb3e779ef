#pragma once
// s3: presigned URLs for S3 buckets of any provider (AWS Signature Version 4, in query parameters). Only
// makes URLs: must not know who sends requests.
// Source: AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".

#include <coworker/coro/clock.hpp>
#include <coworker/http/date.hpp>
#include <coworker/http/sha256.hpp>
#include <coworker/http/url.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::s3 {

/// The endpoint of a bucket, and the credentials to use.
struct account {
  /// URL of the S3 endpoint, such as "https://s3.eu-central-1.amazonaws.com" or "http://127.0.0.1:9000".
  std::string endpoint_url;
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token = {};  ///< of temporary credentials; empty: the credentials are not temporary
  /// Default: empty, which means the region in the endpoint's name ("s3.REGION.",
  /// "REGION.digitaloceanspaces.com"), else "us-east-1".
  std::string region = {};
};

namespace signing {

inline std::string_view host_of(std::string_view endpoint_url) {
  const std::size_t scheme = endpoint_url.find("://");
  if (scheme == std::string_view::npos || scheme + 3 == endpoint_url.size()) {
    throw std::invalid_argument("s3: the endpoint URL \"" + std::string(endpoint_url) +
                                "\" must begin with https:// or http:// and name a host");
  }
  const std::string_view rest = endpoint_url.substr(scheme + 3);
  return rest.substr(0, rest.find('/'));
}

inline std::string region_of(const account& of) {
  if (!of.region.empty()) return of.region;
  const std::string_view host = host_of(of.endpoint_url);
  const std::size_t spaces = host.find(".digitaloceanspaces.com");
  if (spaces != std::string_view::npos) {
    const std::string_view before = host.substr(0, spaces);
    const std::size_t dot = before.rfind('.');
    return std::string(dot == std::string_view::npos ? before : before.substr(dot + 1));
  }
  const std::size_t s3 = host.starts_with("s3.") ? 0 : host.find(".s3.");
  if (s3 != std::string_view::npos) {
    const std::string_view after = host.substr(host.find("s3.", s3) + 3);
    const std::string_view label = after.substr(0, after.find('.'));
    if (label != "amazonaws" && after.find('.') != std::string_view::npos) return std::string(label);
  }
  return "us-east-1";
}

// Formats a time such as "20130524T000000Z".
inline std::string basic_time(std::int64_t unix_seconds) {
  const http_date date(unix_seconds);
  const std::string_view text = date.text();  // "Fri, 24 May 2013 00:00:00 GMT"
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::size_t month = months.find(text.substr(8, 3)) / 3 + 1;
  std::string made(text.substr(12, 4));
  made += static_cast<char>('0' + month / 10);
  made += static_cast<char>('0' + month % 10);
  made.append(text.substr(5, 2)).append("T").append(text.substr(17, 2)).append(text.substr(20, 2));
  return made.append(text.substr(23, 2)).append("Z");
}

// Percent-encodes a path, but not its slashes.
inline std::string encoded_path(std::string_view path) {
  std::string made;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t slash = path.find('/', at);
    const std::size_t end = slash == std::string_view::npos ? path.size() : slash;
    append_url_encoded(made, path.substr(at, end - at));
    if (slash == std::string_view::npos) break;
    made += '/';
    at = slash + 1;
  }
  return made;
}

// Returns the URL of an object, without a signature. Throws: std::invalid_argument.
inline std::string object_url(const account& of, std::string_view bucket, std::string_view key) {
  if (key.empty()) throw std::invalid_argument("s3: the key is empty; it names the object");
  std::string url = of.endpoint_url;
  while (url.ends_with('/')) url.pop_back();
  host_of(url);
  if (!bucket.empty()) url.append("/").append(encoded_path(bucket));
  return url.append("/").append(encoded_path(key));
}

}  // namespace signing

/// Returns a URL that allows anyone to perform `method` ("GET", "PUT", ...) on one object, from `now` until
/// `now + expires_in`. `bucket` is empty if the endpoint's host contains the bucket's name.
/// Throws: std::invalid_argument when the endpoint is not a URL, the key is empty, or expires_in
/// is not 1 s to 7 days.
inline std::string presigned_url(const account& of, std::string_view method, std::string_view bucket,
                                 std::string_view key, std::chrono::seconds expires_in,
                                 std::chrono::system_clock::time_point now) {
  namespace own = signing;
  if (expires_in < std::chrono::seconds(1) || expires_in > std::chrono::hours(7 * 24)) {
    throw std::invalid_argument("s3::presigned_url: expires_in is " + std::to_string(expires_in.count()) +
                                " s; it must be 1 s to 7 days");
  }
  const std::string url = own::object_url(of, bucket, key);
  const std::string_view host = own::host_of(url);
  const std::string path = url.substr(url.find("://") + 3 + host.size());

  const auto since_1970 = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  const std::string moment = own::basic_time(since_1970.count());
  const std::string region = own::region_of(of);
  const std::string scope = moment.substr(0, 8) + "/" + region + "/s3/aws4_request";
  // The parameters must be sorted by name.
  std::string query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url_encode(of.access_key_id + "/" + scope) +
      "&X-Amz-Date=" + moment + "&X-Amz-Expires=" + std::to_string(expires_in.count());
  if (!of.session_token.empty()) query += "&X-Amz-Security-Token=" + url_encode(of.session_token);
  query += "&X-Amz-SignedHeaders=host";

  const std::string request = std::string(method) + "\n" + path + "\n" + query +
                              "\nhost:" + std::string(host) + "\n\nhost\nUNSIGNED-PAYLOAD";
  const std::string to_sign =
      "AWS4-HMAC-SHA256\n" + moment + "\n" + scope + "\n" + detail::hex_text(detail::sha256(request));
  std::string signing_key = detail::hmac_sha256("AWS4" + of.secret_access_key, moment.substr(0, 8));
  for (const std::string_view part :
       {std::string_view(region), std::string_view("s3"), std::string_view("aws4_request")})
    signing_key = detail::hmac_sha256(signing_key, part);
  const std::string signature = detail::hex_text(detail::hmac_sha256(signing_key, to_sign));
  return url + "?" + query + "&X-Amz-Signature=" + signature;
}

}  // namespace coworker::inline v0_1::s3
