#pragma once
// The member functions of call_transfer that configure libcurl and process a response.
// Must not know who waits.

#include <curl/curl.h>

#include <algorithm>
#include <coworker/http/curl/call_transfer.hpp>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

inline void call_transfer::set_up() {
  set(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  set(CURLOPT_QUICK_EXIT, 1L);  // a look-up that hangs stays behind on its thread
#endif
  set(CURLOPT_ERRORBUFFER, problem_text_);
#if LIBCURL_VERSION_NUM >= 0x075500
  set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  // Waits for a connection in progress, which may soon carry many streams.
  set(CURLOPT_PIPEWAIT, hop_.url.starts_with("https:") ? 1L : 0L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_CONNECTTIMEOUT_MS, (std::max)(1L, detail::to_milliseconds(hop_.options.timeout)));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_BUFFERSIZE, 65'536L);
  set(CURLOPT_UPLOAD_BUFFERSIZE, 65'536L);
  set_authorities();
  if (hop_.terms.only_public) {  // a proxy would connect to any address
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOPROXY, "*");
  }
  if (hop_.terms.unpacks) set(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  if (!hop_.terms.signs_as.empty()) {
    if (curl_easy_setopt(easy.get(), CURLOPT_AWS_SIGV4, hop_.terms.signs_as.c_str()) != CURLE_OK)
      throw std::runtime_error("http: this libcurl was built without the signing of requests");
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    set(CURLOPT_USERNAME, hop_.terms.user.c_str());
    set(CURLOPT_PASSWORD, hop_.terms.password.c_str());
  }
  set(CURLOPT_URL, hop_.url.c_str());
  set(CURLOPT_WRITEFUNCTION, &call_transfer::on_write);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &call_transfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_PREREQFUNCTION, &call_transfer::before_request);
  set(CURLOPT_PREREQDATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &call_transfer::on_open);
  set(CURLOPT_OPENSOCKETDATA, this);
  set_method();
  set_headers();
}

// Reads the same environment variables as the curl tool; libcurl itself reads none.
inline void call_transfer::set_authorities() {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
  };
  const char* file =
      !hop_.options.ca_file.empty() ? hop_.options.ca_file.c_str() : variable("CURL_CA_BUNDLE");
  if (file == nullptr) {
    file = variable("SSL_CERT_FILE");
    if (const char* const folder = variable("SSL_CERT_DIR")) set(CURLOPT_CAPATH, folder);
  }
  if (file != nullptr) set(CURLOPT_CAINFO, file);
}

inline void call_transfer::set_method() {
  const bool head = hop_.method == "HEAD";
  const bool posts_nothing = hop_.body == nullptr && (hop_.method == "POST" || hop_.method == "PUT");
  if (hop_.body != nullptr || posts_nothing) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &call_transfer::on_read);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, &call_transfer::on_seek);
    set(CURLOPT_SEEKDATA, this);
    const std::optional<std::uint64_t> size = hop_.body != nullptr ? hop_.body->size() : 0;
    set(CURLOPT_INFILESIZE_LARGE, size ? static_cast<curl_off_t>(*size) : curl_off_t{-1});
  }
  if (head) {
    set(CURLOPT_NOBODY, 1L);
  } else if (hop_.method != "GET" || hop_.body != nullptr) {
    set(CURLOPT_CUSTOMREQUEST, hop_.method.c_str());
  }
}

inline void call_transfer::set_headers() {
  const auto add = [this](const char* line) {
    curl_slist* const longer = curl_slist_append(headers_.get(), line);
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(headers_.release());
    headers_.reset(longer);
  };
  bool has_agent = false;
  for (const std::string& line : hop_.headers) {
    has_agent = has_agent || detail::same_letters(detail::header_name(line), "User-Agent");
    // libcurl removes a header that is written "Name:", and sends an empty one for "Name;".
    const std::size_t colon = line.find(':');
    const bool empty = line.find_first_not_of(" \t", colon + 1) == std::string::npos;
    add(empty ? (line.substr(0, colon) + ";").c_str() : line.c_str());
  }
  if (!has_agent) add("User-Agent: coworker/" COWORKER_VERSION);
  // Waiting for a 100 Continue takes a second if the server sends none. libcurl would sign this
  // line, but not send it.
  if (hop_.terms.signs_as.empty()) add("Expect:");
  set(CURLOPT_HTTPHEADER, headers_.get());
}

// Returns whether to receive the body.
inline bool call_transfer::begin_body() {
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return true;
  body_begun_ = true;
  skips_ = hop_.follows && detail::is_redirect(static_cast<int>(status)) && !location_.empty();
  into_ = status < 300 ? hop_.into : nullptr;
  const std::uint64_t in_memory = std::uint64_t{64} << 20;
  if (into_ == nullptr) limit_ = in_memory;
  if (hop_.options.size_limit && (into_ != nullptr || hop_.into == nullptr))
    limit_ = *hop_.options.size_limit;
  if (skips_) limit_ = 65'536;
  if (into_ != nullptr) into_->begin();
  curl_off_t size = -1;
  curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
  too_large_ = size > 0 && static_cast<std::uint64_t>(size) > limit_ && hop_.method != "HEAD";
  return !too_large_;
}

inline void call_transfer::read_header(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    made_.response.headers.clear();
    location_.clear();
    body_begun_ = false;
    return;
  }
  if (line.empty()) return;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  made_.response.headers.emplace_back(line.substr(0, colon), value);
  if (!body_begun_ && detail::same_letters(line.substr(0, colon), "Location")) location_ = value;
}

inline std::size_t call_transfer::receive(std::string_view bytes) {
  constexpr std::size_t most_pending = 256 * 1024;
  const std::size_t refused = bytes.size() + 1;
  if (!body_begun_ && !begin_body()) return refused;
  const bool awaited = into_ != nullptr && into_->is_awaited();
  if (awaited && pending.size() >= most_pending) {
    is_paused = has_news = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  received_ += bytes.size();
  too_large_ = received_ > limit_;
  if (too_large_) return refused;
  if (skips_) return bytes.size();
  if (awaited) {
    pending.append(bytes);
    has_news = true;
  } else if (into_ != nullptr) {
    into_->write(bytes);
  } else {
    made_.response.body.append(bytes);
  }
  if (into_ != nullptr && !into_->repeats()) made_.taken = true;
  return bytes.size();
}

inline std::size_t call_transfer::send(char* into, std::size_t room) {
  if (hop_.body == nullptr) return 0;
  const std::size_t count = hop_.body->read(into, room);
  if (count != 0 || body_ended || !hop_.body->is_awaited()) return count;
  wants_body = has_news = true;
  return CURL_READFUNC_PAUSE;
}

inline void call_transfer::explain() {
  if (too_large_) {
    made_.failure = http_failure::broken;
    made_.is_final = true;
    made_.problem = "the response is larger than " + std::to_string(limit_) + " bytes";
    made_.way_out = "raise call_options::size_limit";
  } else if (!open_failure_.refused.empty()) {
    made_.failure = http_failure::unusable;
    made_.is_final = true;
    made_.problem = "it leads to " + open_failure_.refused + ", which is not a public address";
    made_.way_out = "set download_options::allow_private if that is intended";
  } else if (sent_twice_) {
    made_.failure = http_failure::broken;
    made_.nothing_sent = false;
    made_.problem = "the connection ended before a response, and the server may have acted";
    made_.way_out = "set call_options::repeatable if the request may be sent twice";
  } else if (code == CURLE_UNSUPPORTED_PROTOCOL && !sent_) {
    made_.failure = http_failure::unusable;
    made_.problem = "only http and https can be called";
  } else if (open_failure_.error != 0) {
    made_.problem = "no connection can be opened: " + std::string(detail::way_out_of(open_failure_.error));
  }
}

}  // namespace coworker::inline v0_1::detail
