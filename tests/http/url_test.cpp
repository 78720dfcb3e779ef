#include <doctest/doctest.h>
#include <coworker/http/url.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

std::vector<std::string> values_in(std::string_view query, std::string_view name) {
  std::vector<std::string> values;
  for_each_parameter(query, name, [&values](std::string value) { values.push_back(std::move(value)); });
  return values;
}

}  // namespace

TEST_CASE("encoding leaves only the characters that every URL may contain") {
  CHECK(url_encode("azAZ09-._~") == "azAZ09-._~");
  CHECK(url_encode("a/b c?d&e=f#g%") == "a%2Fb%20c%3Fd%26e%3Df%23g%25");
  CHECK(url_encode("a,b+c$ID") == "a%2Cb%2Bc%24ID");
  CHECK(url_encode("\xc3\xa9\xff\x01") == "%C3%A9%FF%01");
  CHECK(url_encode(std::string_view("\0", 1)) == "%00");
  CHECK(url_encode("").empty());
}

TEST_CASE("a parameter is added to a URL that ends in ?, has a query, or has none") {
  CHECK(with_parameter("http://h/p?", "a=1") == "http://h/p?a=1");
  CHECK(with_parameter("http://h/p?x=2", "a=1") == "http://h/p?x=2&a=1");
  CHECK(with_parameter("http://h/p?x=2&", "a=1") == "http://h/p?x=2&a=1");
  CHECK(with_parameter("http://h/p", "a=1") == "http://h/p?a=1");
}

TEST_CASE("every text survives encoding and decoding") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  CHECK(url_decode(url_encode(all)) == all);
  CHECK(url_decode(url_encode(all), plus_sign::is_space) == all);
}

TEST_CASE("a plus is a space in a query and a plus in a path") {
  CHECK(url_decode("a+b%2f%2B") == "a+b/+");
  CHECK(url_decode("a+b%2f%2B", plus_sign::is_space) == "a b/+");
}

TEST_CASE("a percent sign without two hexadecimal digits cannot be decoded") {
  for (const std::string_view bad : {"%", "a%", "a%2", "%2", "%g0", "%0g", "%%41", "%-1", "% 1", "%u0041"}) {
    CAPTURE(bad);
    CHECK(!url_decode(bad));
    CHECK(!is_plain_path("/" + std::string(bad)));
  }
  CHECK(url_decode("%00") == std::string("\0", 1));
  CHECK(url_decode("") == "");
}

TEST_CASE("query parameters are found in order, decoded, also repeated ones") {
  const std::string_view query =
      "gpu=NVIDIA+RTX%204090&job_id=a%2Cb&job_id=c=d&&flag&=nameless&bad=%&%62ad=no&b%61d=yes";
  CHECK(find_parameter(query, "gpu") == "NVIDIA RTX 4090");
  CHECK(values_in(query, "job_id") == std::vector<std::string>{"a,b", "c=d"});
  CHECK(find_parameter(query, "flag") == "");
  CHECK(find_parameter(query, "") == "nameless");
  CHECK(!find_parameter(query, "job"));
  CHECK(!find_parameter("", "job"));
  CHECK(values_in(query, "bad") == std::vector<std::string>{"no", "yes"});  // the first cannot be decoded
}

TEST_CASE("parameters are returned one by one, still encoded") {
  query_parameters all("a=1&&b&c==&");
  std::vector<std::pair<std::string, std::string>> seen;
  while (const std::optional<query_parameter> one = all.next()) seen.emplace_back(one->name, one->value);
  CHECK(seen == std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", ""}, {"c", "="}});
}

TEST_CASE("segments are removed from a path one by one, empty ones too") {
  const auto segments = [](std::string_view path) {
    std::vector<std::string> all;
    while (!path.empty()) all.emplace_back(take_segment(path));
    return all;
  };
  using texts = std::vector<std::string>;
  CHECK(segments("/") == texts{""});
  CHECK(segments("/a") == texts{"a"});
  CHECK(segments("/a/") == texts{"a", ""});
  CHECK(segments("/a//b%2Fc") == texts{"a", "", "b%2Fc"});
  CHECK(segments("a/b") == texts{"a", "b"});
}

TEST_CASE("a path with dot segments in any spelling is not plain") {
  for (const std::string_view bad :
       {"/.", "/..", "/a/../b", "/a/..", "/./a", "/%2e", "/%2E%2e/a", "/.%2e", "/%2e.", "/a%2fb",
        "/a%2F..%2Fb", "/a%5cb", "/a\\b", "/a%00", "/%0a", "/a%7f", "/..%2f", "..", "."}) {
    CAPTURE(bad);
    CHECK(!is_plain_path(bad));
  }
  for (const std::string_view good : {"/", "/a", "/a/", "//", "/...", "/..a", "/a..", "/.well-known/x",
                                      "/a%20b", "/%2e%2e%2e", "/a.b/%C3%A9", "/%252e%252e", "*"}) {
    CAPTURE(good);
    CHECK(is_plain_path(good));
  }
}

TEST_CASE("an encoded slash may be data, but does not hide dot segments") {
  for (const std::string_view good : {"/a%2Fb", "/a%5cb", "/a\\b", "/%2f", "/..%2f"})
    CHECK(is_plain_path(good, encoded_slash::is_data));
  for (const std::string_view bad : {"/%2e", "/%2e%2E", "/a/%2e./b", "/%00", "/%0d", "/%7f", "/%", "/%2"})
    CHECK(!is_plain_path(bad, encoded_slash::is_data));
}

TEST_CASE("a host is split from its port") {
  struct split {
    std::string_view text, host;
    std::optional<int> port;
  };
  for (const split& one : std::vector<split>{{"localhost", "localhost", {}},
                                             {"localhost:8000", "localhost", 8000},
                                             {"127.0.0.1:0", "127.0.0.1", 0},
                                             {"[::1]", "[::1]", {}},
                                             {"[::1]:65535", "[::1]", 65535},
                                             {"[::ffff:1.2.3.4]:080", "[::ffff:1.2.3.4]", 80},
                                             {"h:", "h", {}},
                                             {"", "", {}},
                                             {":80", "", 80},
                                             {"a_b~%41!", "a_b~%41!", {}}}) {
    CAPTURE(one.text);
    const std::optional<host_and_port> found = split_host(one.text);
    REQUIRE(found);
    CHECK(found->host == one.host);
    CHECK(found->port == one.port);
  }
  for (const std::string_view bad :
       {"h:65536", "h:-1",   "h:+1",   "h:8a", "h:1:2", "::1", "[::1", "[]",       "[g]",
        "[::1]x",  "[::1]]", "user@h", "h/p",  "h h",   "h,g", "h\t",  "\xc3\xa9", "h:99999999999999999999",
        "h?",      "h#"}) {
    CAPTURE(bad);
    CHECK(!split_host(bad));
  }
}

}  // namespace coworker::testing
