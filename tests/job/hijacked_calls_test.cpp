// A namespace with a function for every name that the headers call within templates, each of which would be a
// better match than theirs. None of them may ever be called for the types in this namespace.

#include <doctest/doctest.h>
#include <compare>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/when_all.hpp>
#include <coworker/coro/when_any.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/semaphore.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/middleware/authorised.hpp>
#include <coworker/job/middleware/retried.hpp>
#include <coworker/scale/combine.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/typed/schema.hpp>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hostile {

namespace cw = coworker;

// A result that converts to nothing, so that a call of the wrong function does not compile. Where the result
// is discarded, the function's exception shows the call.
struct taken_over {};

#define COWORKER_TESTS_HIJACK(name)                               \
  template <class... A>                                           \
  taken_over name(A&&...) {                                       \
    throw std::logic_error("a call of " #name " was taken over"); \
  }                                                               \
  template <class A>                                              \
  taken_over name(A&&) {                                          \
    throw std::logic_error("a call of " #name " was taken over"); \
  }                                                               \
  template <class A, class B>                                     \
  taken_over name(A&&, B&&) {                                     \
    throw std::logic_error("a call of " #name " was taken over"); \
  }                                                               \
  template <class A, class B, class C>                            \
  taken_over name(A&&, B&&, C&&) {                                \
    throw std::logic_error("a call of " #name " was taken over"); \
  }                                                               \
  template <class A, class B, class C, class D>                   \
  taken_over name(A&&, B&&, C&&, D&&) {                           \
    throw std::logic_error("a call of " #name " was taken over"); \
  }
COWORKER_TESTS_HIJACK(enter)
COWORKER_TESTS_HIJACK(hand_back)
COWORKER_TESTS_HIJACK(leave)
COWORKER_TESTS_HIJACK(resume)
COWORKER_TESTS_HIJACK(resume_at_once)
COWORKER_TESTS_HIJACK(context_of)
COWORKER_TESTS_HIJACK(require_context)
COWORKER_TESTS_HIJACK(store)
COWORKER_TESTS_HIJACK(store_apart)
COWORKER_TESTS_HIJACK(capture)
COWORKER_TESTS_HIJACK(compete)
COWORKER_TESTS_HIJACK(take_stored)
COWORKER_TESTS_HIJACK(call_and_await)
COWORKER_TESTS_HIJACK(run_in_scope)
COWORKER_TESTS_HIJACK(join_all)
COWORKER_TESTS_HIJACK(capture_and_stop)
COWORKER_TESTS_HIJACK(capture_and_resume_on)
COWORKER_TESTS_HIJACK(run_main)
COWORKER_TESTS_HIJACK(when_any)
COWORKER_TESTS_HIJACK(when_all)
COWORKER_TESTS_HIJACK(with_scope)
COWORKER_TESTS_HIJACK(timeout)
COWORKER_TESTS_HIJACK(sync_wait)
COWORKER_TESTS_HIJACK(run_on)
COWORKER_TESTS_HIJACK(resume_on)
COWORKER_TESTS_HIJACK(sleep_for)
COWORKER_TESTS_HIJACK(sleep_until)
COWORKER_TESTS_HIJACK(block_for)
COWORKER_TESTS_HIJACK(read_value)
COWORKER_TESTS_HIJACK(read_own)
COWORKER_TESTS_HIJACK(read_input)
COWORKER_TESTS_HIJACK(read_integer)
COWORKER_TESTS_HIJACK(read_floating)
COWORKER_TESTS_HIJACK(read_character)
COWORKER_TESTS_HIJACK(read_enum)
COWORKER_TESTS_HIJACK(read_duration)
COWORKER_TESTS_HIJACK(read_map)
COWORKER_TESTS_HIJACK(read_pair)
COWORKER_TESTS_HIJACK(read_sequence)
COWORKER_TESTS_HIJACK(read_fixed_array)
COWORKER_TESTS_HIJACK(read_elements)
COWORKER_TESTS_HIJACK(read_members)
COWORKER_TESTS_HIJACK(refuse_unknown)
COWORKER_TESTS_HIJACK(check_value)
COWORKER_TESTS_HIJACK(check_item)
COWORKER_TESTS_HIJACK(check_length)
COWORKER_TESTS_HIJACK(check_parts)
COWORKER_TESTS_HIJACK(check_elements)
COWORKER_TESTS_HIJACK(check_predicate)
COWORKER_TESTS_HIJACK(check_defaults)
COWORKER_TESTS_HIJACK(has_to_be_given)
COWORKER_TESTS_HIJACK(keeps_limits)
COWORKER_TESTS_HIJACK(in_bounds)
COWORKER_TESTS_HIJACK(is_choice)
COWORKER_TESTS_HIJACK(bounds_text)
COWORKER_TESTS_HIJACK(choices_text)
COWORKER_TESTS_HIJACK(length_text)
COWORKER_TESTS_HIJACK(characters_in)
COWORKER_TESTS_HIJACK(length_of)
COWORKER_TESTS_HIJACK(with_members)
COWORKER_TESTS_HIJACK(take_apart)
COWORKER_TESTS_HIJACK(for_each_rule)
COWORKER_TESTS_HIJACK(for_each_member_rule)
COWORKER_TESTS_HIJACK(member_index)
COWORKER_TESTS_HIJACK(make_keys)
COWORKER_TESTS_HIJACK(must_be_given)
COWORKER_TESTS_HIJACK(add_rule)
COWORKER_TESTS_HIJACK(schema_of)
COWORKER_TESTS_HIJACK(describe_with)
COWORKER_TESTS_HIJACK(or_null)
COWORKER_TESTS_HIJACK(struct_to_json)
COWORKER_TESTS_HIJACK(enum_to_json)
COWORKER_TESTS_HIJACK(duration_to_json)
COWORKER_TESTS_HIJACK(array_from)
COWORKER_TESTS_HIJACK(array_from_pair)
COWORKER_TESTS_HIJACK(object_from)
COWORKER_TESTS_HIJACK(slot_from)
COWORKER_TESTS_HIJACK(take_input)
COWORKER_TESTS_HIJACK(job_of)
COWORKER_TESTS_HIJACK(call_plain)
COWORKER_TESTS_HIJACK(push_element)
COWORKER_TESTS_HIJACK(stream_elements)
COWORKER_TESTS_HIJACK(run_streaming)
COWORKER_TESTS_HIJACK(run_handler)
COWORKER_TESTS_HIJACK(settle)
COWORKER_TESTS_HIJACK(blocking)
COWORKER_TESTS_HIJACK(return_home)
COWORKER_TESTS_HIJACK(outcome_of)
COWORKER_TESTS_HIJACK(decide_limit)
COWORKER_TESTS_HIJACK(first_refusal)
COWORKER_TESTS_HIJACK(refuse_input)
COWORKER_TESTS_HIJACK(refuse_output)
#undef COWORKER_TESTS_HIJACK

enum class colour { red, blue };
struct part {
  std::string name = "n";
  int weight = 1;
};
struct value {
  std::string text = "t";
  colour shade = colour::blue;
  std::vector<part> parts{part()};
  std::map<std::string, part> named{{"k", part()}};
  std::optional<part> maybe;
  std::pair<part, int> two;
  double real = 1;
  char letter = 'l';
  std::chrono::milliseconds span{5};
};
constexpr auto rules(cw::type<part>) {
  return cw::rule_list(cw::member(&part::weight).range(1, 5).check([](int w) { return w != 4; }, "no 4"),
                       cw::member(&part::name).length(1, 3).one_of("n", "m"),
                       cw::check([](const part& p) { return p.weight < 6; }, "small"));
}

// A type whose operator& does not return its address.
struct evasive {
  int number = 0;
  evasive* operator&() const { throw std::logic_error("operator& was asked"); }
};

struct loop : cw::simulated_loop {};

value made_here() { return {}; }

cw::task<value> make() {
  co_await cw::sleep_for(std::chrono::seconds(1));
  co_return made_here();
}
cw::task<value&> refer(value& to) { co_return to; }
cw::async_generator<value> stream(int count) {
  for (int i = 0; i < count; ++i) co_yield made_here();
}
cw::task<evasive> make_evasive(int number) { co_return evasive{number}; }
cw::task<evasive&> refer_to(evasive& to) { co_return to; }
cw::async_generator<evasive> stream_evasive() {
  evasive one{5};
  co_yield one;
  co_yield evasive{6};
}

namespace {

bool is_whole(const value& made) { return made.text == "t" && made.parts.size() == 1; }

cw::task<value> with_child(cw::scope& children) {
  children.spawn([](value) -> cw::task<> { co_return; }, made_here());
  co_return co_await make();
}

cw::task<int> everything(loop& place) {
  int whole = 0;
  value kept = co_await make();
  const value& same = co_await refer(kept);
  whole += &same == &kept;
  auto values = stream(2);
  for (value* one = co_await values.next(); one != nullptr; one = co_await values.next())
    whole += is_whole(*one);
  const auto both = co_await cw::when_all(make(), make());
  whole += is_whole(std::get<1>(both));
  std::vector<cw::task<value>> many;
  many.push_back(make());
  many.push_back(make());
  const auto first = co_await cw::when_any(std::move(many));
  whole += is_whole(first.value);
  const auto either = co_await cw::when_any(make(), make());
  whole += is_whole(either.value);
  const value in_time = co_await cw::timeout(std::chrono::hours(1), make());
  whole += is_whole(in_time);
  const value from_there = co_await cw::run_on(place, make());
  whole += is_whole(from_there);
  cw::semaphore one_at_a_time(1);
  const cw::semaphore::permit held = co_await one_at_a_time.acquire();
  const value from_scope = co_await cw::with_scope(with_child);
  whole += is_whole(from_scope);
  co_return whole;
}

cw::task<int> addresses() {
  evasive kept{3};
  int sum = (co_await make_evasive(4)).number;
  evasive& same = co_await refer_to(kept);
  sum += std::addressof(same) == std::addressof(kept) ? same.number : 0;
  auto values = stream_evasive();
  for (evasive* one = co_await values.next(); one != nullptr; one = co_await values.next())
    sum += one->number;
  co_return sum;
}

}  // namespace

value answer(cw::job<value> work) { return work.input; }
cw::task<value> answer_later(cw::job<value> work) { co_return work.input; }
cw::async_generator<value> answer_often(cw::job<value> work) { co_yield work.input; }
struct modifier {
  int operator()(int current) const { return current + 1; }
};

TEST_CASE("no function in a user's namespace replaces one of coworker's, in coroutines") {
  loop place;
  CHECK(cw::sync_wait(place, everything(place)) == 9);
}

TEST_CASE("an object's address is taken correctly although its type overloads operator&") {
  cw::simulated_loop place;
  CHECK(cw::sync_wait(place, addresses()) == 18);
}

TEST_CASE("no function in a user's namespace replaces one of coworker's, in JSON and typed input") {
  const cw::json written = value();
  CHECK(written.get<value>().parts.front().name == "n");
  CHECK(cw::json(std::vector<value>(2)).get<std::vector<value>>().size() == 2);
  CHECK(cw::json_schema<value>().at("properties").size() == 9);
  const cw::json wrong = cw::json::parse(
      R"({"text":1,"shade":"green","parts":[{"weight":9,"name":"long name"},1],"named":{"k":{"weight":4}},"zzz":1})");
  CHECK_THROWS_WITH_AS(wrong.get<value>(), doctest::Contains("parts[0].weight: expected from 1 to 5"),
                       cw::input_error);
  cw::detail::require_sound_defaults<value>();
}

TEST_CASE("no function in a user's namespace replaces one of coworker's, around handlers") {
  static_assert(cw::job_handler<decltype(&answer)> && cw::job_handler<decltype(&answer_later)>);
  static_assert(cw::job_handler<decltype(&answer_often)> && cw::concurrency_modifier<modifier>);
  static_assert(!cw::detail::spoiled_handler<decltype(&answer)>);
  // Only compiled: a call of the wrong function has a result that converts to nothing.
  CHECK(static_cast<bool>(&cw::run_handler<decltype(&answer)>));
  CHECK(static_cast<bool>(&cw::run_handler<decltype(&answer_later)>));
  CHECK(static_cast<bool>(&cw::run_handler<decltype(&answer_often)>));
  CHECK(static_cast<bool>(&cw::run_handler<cw::retried<decltype(&answer_later)>>));
  modifier grows;
  cw::metrics measured;
  measured.limit = 3;
  CHECK(cw::detail::modifier_ref(grows).decide(measured).limit == 4);
}

}  // namespace hostile
