#include <doctest/doctest.h>
#include <coworker/exec/random.hpp>
#include <coworker/json/json.hpp>
#include <coworker/json/lookahead.hpp>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace {

using coworker::json;
using coworker::detail::look_ahead;
using coworker::detail::values_ahead;

// Looks ahead in an array; `text` is what follows a comma in it.
values_ahead ahead_in(std::string_view text, std::size_t most = std::numeric_limits<std::size_t>::max()) {
  return look_ahead(text.data(), text.data() + text.size(), most);
}

json random_part(coworker::random_source& random, int depth) {
  switch (random.below(depth > 0 ? 7u : 4u)) {
    case 0:
      return random.below(1'000'000u);
    case 1:
      return "a text, with [brackets], {braces} and \"quotes\" \\ in it";
    case 2:
      return std::string(random.below(20u), "\"\\,[{}]x"[random.below(8u)]);
    case 3:
      return nullptr;
    case 4:
    case 5: {
      json made = json::array();
      for (std::size_t left = random.below(5u); left != 0; --left)
        made.push_back(random_part(random, depth - 1));
      return made;
    }
    default: {
      json made = json::object();
      for (std::size_t left = random.below(5u); left != 0; --left)
        made["k,]}" + std::to_string(left)] = random_part(random, depth - 1);
      return made;
    }
  }
}

}  // namespace

TEST_CASE("values of any kind are counted up to the end of their array") {
  CHECK(ahead_in("1]").count == 1);
  CHECK(ahead_in("1,2,3]").count == 3);
  CHECK(ahead_in(" 1 , 2 , 3 , 4 , 5 , 6 , 7 , 8 , 9 ] , 10, 11").count == 9);
  CHECK(ahead_in(R"("a,b","c]d","e\"f,","\\",[1,2,[3,4]],{"k,":[5,6]},7])").count == 7);
  CHECK(ahead_in(R"("k":1,"l":[1,2],"m":{"n":1,"o":2}},"p":1)").count == 3);
  for (const std::string_view closed : {"1]", "1}", "[],{}]", "\"]\",1]"}) CHECK(ahead_in(closed).all);
}

TEST_CASE("looking ahead counts as many values as a parser finds") {
  coworker::random_source random(1);
  for (int round = 0; round < 2'000; ++round) {
    json array = json::array();
    for (std::size_t left = 1 + random.below(30u); left != 0; --left) array.push_back(random_part(random, 3));
    const std::string text = array.dump(random.below(2u) == 0 ? -1 : 2) + ",1,2,3";
    const values_ahead seen = ahead_in(std::string_view(text).substr(1));
    REQUIRE(seen.count == array.size());
    REQUIRE(seen.all);
    REQUIRE(seen.bytes == text.size() - 1 - 6);
  }
}

TEST_CASE("looking ahead stops at the limit, and returns what was seen by then") {
  const std::string text = "1,2,3,4,5,6,7,8,9,10,11,12]";
  for (std::size_t most = 0; most < text.size(); ++most) {
    const values_ahead seen = ahead_in(text, most);
    CHECK(seen.bytes == most);
    CHECK_FALSE(seen.all);
    CHECK(seen.count <= 12);
  }
  CHECK(ahead_in(text, text.size()).all);
  CHECK(ahead_in(text, 10).count == 6);
}

TEST_CASE("in malformed text, looking ahead counts at least the values that a parser reads") {
  CHECK(ahead_in("").count == 1);
  CHECK(ahead_in("1,2,\"never closed,3,4").count == 3);
  CHECK(ahead_in("1,2,\"a control\ncharacter\",4]").count >= 3);
  CHECK(ahead_in("1,2,\"\\").count == 3);
  CHECK(ahead_in("1,2,[[[").count == 3);
  CHECK(ahead_in("1,2}").count == 2);
}
