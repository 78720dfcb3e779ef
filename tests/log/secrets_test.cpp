#include <doctest/doctest.h>
#include <coworker/json/json.hpp>
#include <coworker/log/secrets.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using coworker::json;
using coworker::detail::secret_masks;

std::string masked(std::string_view secret, std::string_view text) {
  secret_masks masks;
  masks.add(secret);
  const std::string made = masks.masked(text);
  CHECK(masks.leaves_unchanged(text) == (made == text));
  return made;
}

}  // namespace

TEST_CASE("a secret that stands out is masked everywhere, also in the middle of other text") {
  CHECK(masked("rpa_KEY", "Authorization: rpa_KEY, job-rpa_KEY, xrpa_KEYx") ==
        "Authorization: ***, job-***, x***x");
  CHECK(masked("hunterhunter", "no hunterhunter, no xhunterhunterx") == "no ***, no x***x");
  CHECK(masked("12345678", "a12345678b") == "a***b");
  CHECK(masked("s3cr3t", "as3cr3tb") == "a***b");
  CHECK(masked("rpa_KEY", "rpa_KEYrpa_KEY") == "******");
  CHECK(masked("rpa_KEY", "") == "");
}

TEST_CASE("a secret that could be a word or a number leaves words and numbers alone") {
  const std::string line =
      "Started. A job is in progress: 1 of 10 jobs, and the key is set; don't stop at HTTP 200.";
  for (const char* const secret : {"t", "a", "1", "10", "200", "e", "is", "the", "job", "key", "jobs",
                                   "Started", "set", ".", " ", "-", "'", "st"}) {
    CAPTURE(secret);
    CHECK(masked(secret, line) == line);
  }
}

TEST_CASE("a secret that could be a word is masked as the value of a credential") {
  for (const char* const secret : {"t", "job", "7", "x-1", "*"}) {
    CAPTURE(secret);
    const std::string value = secret;
    for (const auto& [before, after] :
         std::vector<std::pair<std::string, std::string>>{{"Authorization: ", ""},
                                                          {"authorization: Bearer ", "\r\n"},
                                                          {"Proxy-Authorization: Basic ", ","},
                                                          {R"({"api_key":")", R"("})"},
                                                          {R"({"error":"{\"token\": \")", R"(\"}"})"},
                                                          {"https://host/path?api_key=", "&page=2"},
                                                          {"password = '", "'"},
                                                          {"RUNPOD_AI_API_KEY=", " is wrong"},
                                                          {"client-secret: ", ""}}) {
      CHECK(masked(value, before + value + after) == before + "***" + after);
    }
  }
}

TEST_CASE("only the whole value of a named credential counts") {
  for (const char* const text : {"key: to", "token=test", "keys: t", "monkeys = t", "error: t", "t: key",
                                 "key t", "bearers t", "t", "=t", ": t", "\"t\""}) {
    CAPTURE(text);
    CHECK(masked("t", text) == text);
  }
}

TEST_CASE("adding a secret returns whether it is masked everywhere") {
  secret_masks masks;
  CHECK(masks.add(""));
  CHECK(masks.add("rpa_KEY"));
  CHECK(masks.add("password"));
  for (const char* const word : {"t", "abc", "1234567", "k3y", "sesame", "-----"})
    CHECK_FALSE(masks.add(word));
}

TEST_CASE("nothing is left of secrets that overlap or contain one another") {
  secret_masks masks;
  masks.add("abcdefgh-1");
  masks.add("abcdefgh");
  masks.add("gh-1-other");
  CHECK(masks.masked("abcdefgh abcdefgh-1") == "*** ***");
  CHECK(masks.masked("x abcdefgh-1-other y") == "x *** y");
  CHECK(masked("abababab", "xabababababx") == "x***x");
}

TEST_CASE("a secret is recognised in JSON text, in JSON text inside JSON text, and in URLs") {
  const std::string secret = "a\"b\\c d/e";
  const std::string once = json{{"key", secret}}.dump();
  const std::string twice = json{{"error", once}}.dump();
  CHECK(masked(secret, once) == R"({"key":"***"})");
  CHECK(masked(secret, twice) == R"({"error":"{\"key\":\"***\"}"})");
  CHECK(masked(secret, "http://h/?q=a%22b%5Cc%20d%2Fe&r=1") == "http://h/?q=***&r=1");
}

TEST_CASE("of a URL only the user and the password are masked") {
  const secret_masks none;
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"https://user:pass@host/path?x=1#f", "https://***@host/path?x=1#f"},
           {"at https://user:p@ss@host:8080", "at https://***@host:8080"},
           {"https://token@host, ssh://git@h, and http://a:b@c",
            "https://***@host, ssh://***@h, and http://***@c"},
           {R"({"url":"https:\/\/user:pass@host\/x"})", R"({"url":"https:\/\/***@host\/x"})"},
           {"https://:@host", "https://***@host"},
           {"http://u:p@h", "http://***@h"}}) {
    CHECK(none.masked(text) == expected);
    CHECK_FALSE(none.leaves_unchanged(text));
  }
  for (const char* const text :
       {"https://host/a@b", "https://host?mail=a@b", "a@b", "http://", "://", ":/", ":", "http://[::1]:80/@",
        "http://@host", "http:/user:pass@host", "mail: / /a@b", "see https://host \"a@b\""}) {
    CAPTURE(text);
    CHECK(none.masked(text) == text);
  }
}

// With quadratic time these would take minutes.
TEST_CASE("masking takes linear time, however often the text contains the secret or its beginning") {
  secret_masks masks;
  masks.add("rpa_KEY_0123456789");
  masks.add("aaaaaaaaaaaaaaaa");
  masks.add("t");
  for (const std::string_view part : {"rpa_KEY_0123456789", "key=t ", "a://b:c@d ", "://", "t", ":", "a",
                                      "key ", "rpa_KEY_", "key=", "\"", "@"}) {
    CAPTURE(part);
    std::string text = "x://";
    while (text.size() < 500'000) text += part;
    const bool held = part == "rpa_KEY_0123456789" || part == "key=t " || part == "a://b:c@d " ||
                      part == "a" || part == "@";
    CHECK(masks.leaves_unchanged(text) != held);
    CHECK((masks.masked(text) == text) != held);
  }
}
