#include <coworker/transport/checks.hpp>

#include <doctest/doctest.h>
#include <concepts>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/local_file.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "transport/minimal_transport.hpp"

namespace {

using coworker::delivery;
using coworker::job_result;
using coworker::json;
using coworker::outcome;
using coworker::take_request;
using coworker::take_result;
using coworker::task;
using coworker::transport_limits;
using coworker::worker_control;
using coworker::detail::engine_fault;
using coworker::detail::find_engine_fault;

// Only declared: nothing here is called.
struct required {
  task<take_result> take(take_request request);
  task<delivery> complete(job_result result);
};

struct with_all : required {
  task<delivery> chunk(std::string_view job_id, json value);
  task<delivery> progress(std::string_view job_id, json value);
  transport_limits limits() const noexcept;
  void interpret(outcome& made) const;
  task<void> attend(worker_control control);
  std::size_t backlog() const noexcept;
  double arrivals_per_second(coworker::time_point now) const noexcept;
  coworker::waiter& waiter() noexcept;
};

struct final_with_all final : with_all {};

struct final_required final : required {};

TEST_CASE("an engine with the required operations, or with all of them, passes the checks") {
  static_assert(find_engine_fault<required>() == engine_fault::none);
  static_assert(find_engine_fault<with_all>() == engine_fault::none);
  static_assert(find_engine_fault<final_required>() == engine_fault::none);
  static_assert(find_engine_fault<final_with_all>() == engine_fault::none);
  static_assert(find_engine_fault<coworker::testing::countdown>() == engine_fault::none);
  static_assert(find_engine_fault<coworker::local_file>() == engine_fault::none);
}

// Signatures that are not the same, but accept what a worker passes.
struct generous : required {
  task<delivery> chunk(const std::string_view& job_id, const json& value) const;
  task<delivery> progress(std::string_view job_id, json&& value);
  task<void> attend(const worker_control& control);
  task<void> attend(int);
  int backlog(int) const;
  std::size_t backlog() const;
};

struct with_template : required {
  template <class Value>
  task<delivery> chunk(std::string_view job_id, Value value);
};

struct with_static : required {
  static transport_limits limits();
};

struct arrivals_of_no_moment : required {
  double arrivals_per_second() const;
};

TEST_CASE("an operation that a worker can call is no near miss, however it is written") {
  static_assert(find_engine_fault<generous>() == engine_fault::none);
  static_assert(coworker::chunk_transport<generous> && coworker::counted_transport<generous>);
  static_assert(find_engine_fault<with_template>() == engine_fault::none);
  static_assert(coworker::chunk_transport<with_template>);
  static_assert(find_engine_fault<with_static>() == engine_fault::none);
  static_assert(coworker::limited_transport<with_static>);
}

struct without_take {
  task<delivery> complete(job_result result);
};
struct take_without_request {
  task<take_result> take();
  task<delivery> complete(job_result result);
};
struct complete_for_nothing {
  task<take_result> take(take_request request);
  task<void> complete(job_result result);
};
union take_in_a_union {
  task<take_result> take();
};

TEST_CASE("an engine without a required operation is no transport") {
  static_assert(find_engine_fault<without_take>() == engine_fault::no_transport);
  static_assert(find_engine_fault<take_without_request>() == engine_fault::no_transport);
  static_assert(find_engine_fault<complete_for_nothing>() == engine_fault::no_transport);
  static_assert(find_engine_fault<take_in_a_union>() == engine_fault::no_transport);
  static_assert(find_engine_fault<const required>() == engine_fault::no_transport);
  static_assert(find_engine_fault<int>() == engine_fault::no_transport);
  static_assert(find_engine_fault<required*>() == engine_fault::no_transport);
}

struct chunk_of_text : required {
  task<delivery> chunk(std::string_view job_id, const std::string& text);
};
struct progress_of_text : required {
  task<delivery> progress(std::string_view job_id, const std::string& text);
};
struct limits_not_const : required {
  transport_limits limits();
};
struct interpret_by_value : required {
  outcome interpret(outcome made) const;
};
struct interpret_not_const : required {
  void interpret(outcome& made);
};
struct attend_alone : required {
  task<void> attend();
};
struct backlog_of_int : required {
  int backlog() const;
};
struct waiter_pointer : required {
  coworker::waiter* waiter();
};
struct still_takes_chunks : required {
  bool takes_chunks() const;
};
struct still_next_stops : required {
  task<json> next_stops();
};

TEST_CASE("each operation that is almost right is found") {
  static_assert(find_engine_fault<chunk_of_text>() == engine_fault::chunk);
  static_assert(find_engine_fault<progress_of_text>() == engine_fault::progress);
  static_assert(find_engine_fault<limits_not_const>() == engine_fault::limits);
  static_assert(find_engine_fault<interpret_by_value>() == engine_fault::interpret);
  static_assert(find_engine_fault<interpret_not_const>() == engine_fault::interpret);
  static_assert(find_engine_fault<attend_alone>() == engine_fault::attend);
  static_assert(find_engine_fault<backlog_of_int>() == engine_fault::backlog);
  static_assert(find_engine_fault<waiter_pointer>() == engine_fault::waiter);
  static_assert(find_engine_fault<still_takes_chunks>() == engine_fault::takes_chunks);
  static_assert(find_engine_fault<still_next_stops>() == engine_fault::next_stops);
}

struct overloaded_chunk : required {
  task<delivery> chunk(std::string_view job_id, const std::string& text);
  task<delivery> chunk(std::string_view job_id, const char* text);
};
struct overloaded_attend : required {
  task<void> attend();
  task<void> attend(int number);
};
struct overloaded_limits : required {
  transport_limits limits();
  transport_limits limits(int number) const;
};
struct template_progress : required {
  template <class Value>
  task<void> progress(std::string_view job_id, Value value);
};
struct template_chunk_of_text : required {
  template <class Text>
  requires std::same_as<Text, std::string> task<delivery> chunk(std::string_view job_id, const Text& text);
};
struct backlog_data : required {
  std::size_t backlog = 0;
};
struct limits_data : required {
  transport_limits limits;
};
struct static_attend : required {
  static task<void> attend();
};
struct inherited_near_miss : chunk_of_text {};
struct final_chunk_of_text final : chunk_of_text {};
struct final_backlog_data final : backlog_data {};
struct final_overloaded_chunk final : overloaded_chunk {};
struct final_template_progress final : template_progress {};

TEST_CASE("a near miss is found whatever has the name, also in final classes") {
  static_assert(find_engine_fault<overloaded_chunk>() == engine_fault::chunk);
  static_assert(find_engine_fault<overloaded_attend>() == engine_fault::attend);
  static_assert(find_engine_fault<overloaded_limits>() == engine_fault::limits);
  static_assert(find_engine_fault<template_progress>() == engine_fault::progress);
  static_assert(find_engine_fault<template_chunk_of_text>() == engine_fault::chunk);
  static_assert(find_engine_fault<backlog_data>() == engine_fault::backlog);
  static_assert(find_engine_fault<limits_data>() == engine_fault::limits);
  static_assert(find_engine_fault<arrivals_of_no_moment>() == engine_fault::arrivals_per_second);
  static_assert(find_engine_fault<static_attend>() == engine_fault::attend);
  static_assert(find_engine_fault<inherited_near_miss>() == engine_fault::chunk);
  static_assert(find_engine_fault<final_chunk_of_text>() == engine_fault::chunk);
  static_assert(find_engine_fault<final_backlog_data>() == engine_fault::backlog);
  static_assert(find_engine_fault<final_overloaded_chunk>() == engine_fault::chunk);
  static_assert(find_engine_fault<final_template_progress>() == engine_fault::progress);
}

// Has the operations that the engine inside it has.
template <class Engine>
class wrapping {
 public:
  task<take_result> take(take_request request);
  task<delivery> complete(job_result result);
  task<delivery> chunk(std::string_view job_id, json value) requires coworker::chunk_transport<Engine>;
  task<delivery> progress(std::string_view job_id, json value) requires coworker::progress_transport<Engine>;
  transport_limits limits() const requires coworker::limited_transport<Engine>;
  void interpret(outcome& made) const requires coworker::interpreting_transport<Engine>;
  task<void> attend(worker_control control) requires coworker::attended_transport<Engine>;
  std::size_t backlog() const requires coworker::counted_transport<Engine>;
  double arrivals_per_second(coworker::time_point now) const requires coworker::metered_transport<Engine>;
  coworker::waiter& waiter() requires coworker::waiting_transport<Engine>;
};
class private_names : public required {
  int chunk, backlog;
  void limits();
};

TEST_CASE("a private or constrained operation is no near miss") {
  static_assert(find_engine_fault<wrapping<required>>() == engine_fault::none);
  static_assert(!coworker::chunk_transport<wrapping<required>> &&
                !coworker::waiting_transport<wrapping<required>>);
  static_assert(find_engine_fault<wrapping<with_all>>() == engine_fault::none);
  static_assert(coworker::chunk_transport<wrapping<with_all>> &&
                coworker::waiting_transport<wrapping<with_all>>);
  static_assert(find_engine_fault<private_names>() == engine_fault::none);
}

struct abstract_engine {
  virtual task<take_result> take(take_request request) = 0;
  virtual task<delivery> complete(job_result result) = 0;
  virtual task<delivery> chunk(std::string_view job_id, const std::string& text) = 0;

 protected:
  ~abstract_engine() = default;
};
struct virtual_base_engine : virtual required {
  explicit virtual_base_engine(int& number);
  int limits() const;
};

TEST_CASE("an abstract engine, and one that cannot be made without arguments, are checked too") {
  static_assert(find_engine_fault<abstract_engine>() == engine_fault::chunk);
  static_assert(find_engine_fault<virtual_base_engine>() == engine_fault::limits);
}

}  // namespace
