#pragma once
// call_transfer: performs one hop of a call with libcurl. Must not know who waits.

#include <curl/curl.h>

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/http/curl/basics.hpp>
#include <coworker/http/curl/call_driver.hpp>
#include <coworker/http/curl/call_hop.hpp>
#include <coworker/http/curl/open_socket.hpp>
#include <coworker/http/curl/patience.hpp>
#include <coworker/http/curl/redirect.hpp>
#include <coworker/version.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

struct curl_list_deleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

class call_transfer : public driven_transfer {
 public:
  call_transfer(const call_hop& hop, hop_result& made) : hop_(hop), made_(made) {
    if (easy == nullptr) throw std::bad_alloc();
    set_up();
  }
  call_transfer(const call_transfer&) = delete;
  call_transfer& operator=(const call_transfer&) = delete;

  /// The time at which the silence is too long, or the time for the whole call is over.
  time_point due() const noexcept {
    return (std::min)(detail::after(moved_at_, hop_.options.timeout), hop_.deadline);
  }
  /// Restarts the silence timeout.
  void renew() noexcept { moved_at_ = clock_type::now(); }

  /// Call it at due(), after everything that had arrived was read.
  bool is_overdue() noexcept {
    const time_point now = clock_type::now();
    const int unsent = detail::unconfirmed(socket);
    if (now < hop_.deadline && unsent != 0 && unsent != std::exchange(unsent_, unsent)) renew();
    return now >= due();
  }

  void give_up() {
    made_.nothing_sent = !sent_;
    made_.failure = sent_ ? http_failure::timed_out : http_failure::unreachable;
    if (clock_type::now() >= hop_.deadline) {
      made_.failure = http_failure::timed_out;
      made_.is_final = true;
      made_.problem = "it took longer than its total timeout";
    } else {
      made_.problem = (sent_ ? "nothing was sent or received for " : "no connection was made within ") +
                      detail::seconds_in_words(hop_.options.timeout);
    }
  }

  std::string pending;      // received bytes for a sink that is awaited
  bool is_paused = false;   // receives nothing until the sink has taken some
  bool wants_body = false;  // sends nothing until there is more of the request's body
  bool body_ended = false;

  /// Reads libcurl's results once the transfer is over. Throws: the exception that a callback caught.
  void settle() {
    if (problem_) std::rethrow_exception(problem_);
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    made_.response.status = static_cast<int>(status);
    if (!location_.empty()) made_.location = detail::redirect_target(hop_.url, location_);
    curl_off_t seconds = 0;
    if (curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
      made_.retry_after = std::chrono::seconds((std::min)(seconds, curl_off_t{24 * 60 * 60}));
    if (code == CURLE_OK) {
      const bool fits = body_begun_ || begin_body();  // the body may be empty
      if (into_ != nullptr && fits) into_->end();
      return;
    }
    if (skips_ && status >= 300) return;  // the body of a redirect is not used
    made_.nothing_sent = !sent_;
    made_.failure = detail::failure_of(code);
    if (!sent_ && code == CURLE_OPERATION_TIMEDOUT) made_.failure = http_failure::unreachable;
    made_.problem = problem_text_[0] != '\0' ? problem_text_ : curl_easy_strerror(code);
    explain();
  }

 private:
  void set_up();
  void set_authorities();
  void set_method();
  void set_headers();
  void explain();
  bool begin_body();
  std::size_t receive(std::string_view bytes);
  void read_header(std::string_view line);
  std::size_t send(char* into, std::size_t room);

  template <class Value>
  void set(CURLoption option, Value value) {
    const CURLcode done = curl_easy_setopt(easy.get(), option, value);
    if (done == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  }

  // Calls `use`, which may throw, inside a callback of libcurl, where exceptions must not escape.
  template <class Result, class Use>
  Result guarded(Result on_failure, Use use) noexcept {
    renew();
    try {
      return use();
    } catch (...) {
      problem_ = std::current_exception();
      return on_failure;
    }
  }

  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* user) {
    auto& one = *static_cast<call_transfer*>(user);
    // Any return value other than the size ends the transfer.
    return one.guarded(size * count + 1, [&] { return one.receive({data, size * count}); });
  }
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
    auto& one = *static_cast<call_transfer*>(user);
    return one.guarded(std::size_t{0}, [&] {
      one.read_header({data, size * count});
      return size * count;
    });
  }
  static std::size_t on_read(char* into, std::size_t size, std::size_t count, void* user) {
    auto& one = *static_cast<call_transfer*>(user);
    return one.guarded(std::size_t{CURL_READFUNC_ABORT}, [&] { return one.send(into, size * count); });
  }
  static int on_seek(void* user, curl_off_t offset, int origin) {
    auto& one = *static_cast<call_transfer*>(user);
    const bool to_start = offset == 0 && origin == SEEK_SET;
    return one.guarded(int{CURL_SEEKFUNC_FAIL}, [&] {
      return to_start && one.hop_.body->begin() ? int{CURL_SEEKFUNC_OK} : int{CURL_SEEKFUNC_FAIL};
    });
  }
  // libcurl sends a request again by itself if it failed on a re-used connection.
  static int before_request(void* user, char*, char*, int, int) {
    auto& one = *static_cast<call_transfer*>(user);
    one.renew();
    const bool again = std::exchange(one.sent_, true);
    one.sent_twice_ = again && !one.hop_.is_repeated;
    const bool refused = one.sent_twice_ || !one.open_failure_.refused.empty();
    return refused ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
  }
  static curl_socket_t on_open(void* user, curlsocktype, curl_sockaddr* address) {
    auto& one = *static_cast<call_transfer*>(user);
    // all addresses of the name must be public
    if (!one.open_failure_.refused.empty()) return CURL_SOCKET_BAD;
    return detail::open_socket(*address, one.hop_.terms.only_public, one.open_failure_);
  }

  const call_hop& hop_;
  hop_result& made_;
  std::unique_ptr<curl_slist, curl_list_deleter> headers_;
  time_point moved_at_ = clock_type::now();
  int unsent_ = 0;
  bool sent_ = false;
  bool sent_twice_ = false;
  bool body_begun_ = false;
  bool skips_ = false;          // receives the body and discards it
  body_taker* into_ = nullptr;  // the sink of this body
  std::uint64_t received_ = 0;
  std::uint64_t limit_ = (std::numeric_limits<std::uint64_t>::max)();
  bool too_large_ = false;
  std::string location_;
  open_failure open_failure_;
  std::exception_ptr problem_;
  char problem_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace coworker::inline v0_1::detail
